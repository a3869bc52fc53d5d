"""Operations on tensors and modules that components are built from. They know no recipe."""
