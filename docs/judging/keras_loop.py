"""Three recipes for a network of Keras, three seeds each, and whether each helps on the one before.

Pictures are drawn here, so that the whole takes seconds. Run as ``python
docs/judging/keras_loop.py``, with the backend that Keras is set to.
"""

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

import rungs

CLASSES, SEEDS = 5, 3


def pictures(number: int, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Patterns under noise, [N, 16, 16, 3], and their classes, [N]."""
    patterns = np.random.default_rng(0).normal(size=(CLASSES, 16, 16, 3))
    rng = np.random.default_rng(seed)
    classes = rng.integers(CLASSES, size=number)
    pixels = patterns[classes] + rng.normal(0, 6, (number, 16, 16, 3))
    return pixels.astype(np.float32), classes


def network(normalised: bool) -> keras.Model:
    """Two convolutions and a softmax, with batch normalisation or without."""
    model = [keras.Input((16, 16, 3))]
    for width in (16, 32):
        model += [layers.Conv2D(width, 3, strides=2)]
        model += [layers.BatchNormalization()] if normalised else []
        model += [layers.ReLU()]
    return keras.Sequential([*model, layers.Flatten(), layers.Dense(CLASSES, "softmax")])


def train(seed: int, epochs: int, normalised: bool) -> keras.Model:
    """A model that learnt from training pictures alone."""
    keras.utils.set_random_seed(seed)
    model = network(normalised)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(*pictures(400, seed=1), batch_size=50, epochs=epochs, verbose=0)
    return model


# What each recipe changes. It stands on the one before it.
RECIPES = {
    "base": {"epochs": 2, "normalised": False},
    "normalised": {"epochs": 2, "normalised": True},
    "longer": {"epochs": 8, "normalised": True},
}

if __name__ == "__main__":
    tests, labels = pictures(1000, seed=2)
    found = rungs.judge(
        {
            # Probabilities, [N, classes]; predicted classes, [N], would do as well.
            name: [train(seed, **recipe).predict(tests, verbose=0) for seed in range(SEEDS)]
            for name, recipe in RECIPES.items()
        },
        labels,
    )
    print(found)
