"""Bounds far beyond any sensible study: what lies outside is a slip, or an attack."""

MAX_SEEDS = 1000
MAX_EPOCHS = 100_000
MAX_FOLDS = 20

# A study file of 30 claims has 14 kB.
MAX_FILE_BYTES = 1_000_000
# Reading a key such as `a.b.c` takes time that grows with the square of its parts.
MAX_KEY_PARTS = 20

# Height and width of images, in pixels: a training of larger ones takes a machine of another kind.
MAX_SIDE = 1024

# Of drawn pictures, which are held in memory: 1 byte a pixel and channel.
MAX_DRAWN_BYTES = 4_000_000_000

# Of a user's pictures: files, bytes of one of them, and pixels of one before it is made smaller.
# The last is where Pillow begins to warn of a picture that is made to fill the memory.
MAX_PICTURES = 1_000_000
MAX_PICTURE_BYTES = 200_000_000
MAX_PICTURE_PIXELS = 89_478_485
MAX_CLASSES = 10_000
# Of a text in a study file, and of a class's name: characters.
MAX_TEXT = 2000
# Of a table of paths and labels, and of a parquet file of pictures.
MAX_TABLE_BYTES = 500_000_000
MAX_PARQUET_BYTES = 50_000_000_000
