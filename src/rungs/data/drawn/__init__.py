"""Pictures that the program draws itself."""
