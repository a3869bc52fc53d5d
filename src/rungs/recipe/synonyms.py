"""Words by which others call what we have: US spellings, the field's short forms, other libraries'.

They are read wherever ours are, and put into ours before anything is made of them: what is shown,
and what runs are named by, has one word for each thing. A word is only taken for another where it
names nothing itself, so that a component of a user's may have a field ``lr``.
"""

from collections.abc import Collection, Mapping

# Fields of tables, and parameters of changes. Those of one word, of which a table has one at most.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "augmentation": ("transforms",),
    "augmentations": ("transforms",),
    "batch": ("batch_size",),
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "channels": ("widths",),
    "clip": ("clipping",),
    "criterion": ("loss",),
    "eps": ("epsilon",),
    "gamma": ("factor",),
    "grad_clip": ("clipping",),
    "gradient_clipping": ("clipping",),
    "label_smooth": ("label_smoothing", "amount"),
    "length": ("pixels",),
    "lr": ("learning_rate", "rate"),
    "lr_schedule": ("schedule",),
    "lr_scheduler": ("schedule",),
    "max_norm": ("norm",),
    "num_groups": ("groups",),
    "num_ops": ("operations",),
    "p": ("probability",),
    "padding": ("pixels",),
    "prob": ("probability",),
    "rho": ("radius",),
    "scheduler": ("schedule",),
    "size": ("pixels",),
    "smoothing": ("label_smoothing", "amount"),
    "teacher": ("from",),
    "warmup": ("warm_up",),
    "wd": ("weight_decay", "amount"),
}

# Kinds of components.
KINDS: Mapping[str, tuple[str, ...]] = {
    "ce": ("cross_entropy",),
    "cosine_annealing": ("cosine",),
    "cosine_decay": ("cosine",),
    "cosine_annealing_warm_restarts": ("cosine_cycles",),
    "exponential_moving_average": ("ema",),
    "focal_loss": ("focal",),
    "gap": ("global_average_pooling",),
    "global_avg_pool": ("global_average_pooling",),
    "global_avg_pooling": ("global_average_pooling",),
    "hflip": ("flip",),
    "horizontal_flip": ("flip",),
    "multi_step": ("steps",),
    "one_cycle": ("triangular",),
    "random_crop": ("shift",),
    "random_horizontal_flip": ("flip",),
    "random_resized_crop": ("resized_crop",),
    "random_vertical_flip": ("vertical_flip",),
    "sam": ("sharpness_aware",),
    "step": ("steps",),
    "step_lr": ("steps",),
    "stochastic_weight_averaging": ("swa",),
    "swish": ("silu",),
    "trivial_augment_wide": ("trivial_augment",),
    "vflip": ("vertical_flip",),
}

# Changes of the catalogue.
CHANGES: Mapping[str, tuple[str, ...]] = {
    "class_weights": ("balanced_classes",),
    "cosine_annealing": ("cosine",),
    "cosine_annealing_warm_restarts": ("cosine_cycles",),
    "cosine_decay": ("cosine",),
    "distill": ("distil",),
    "distillation": ("distil",),
    "drop_path": ("stochastic_depth",),
    "exponential_moving_average": ("ema",),
    "feature_extraction": ("frozen",),
    "fine_tune": ("fine_tuned",),
    "fine_tuning": ("fine_tuned",),
    "focal": ("focal_loss",),
    "freeze": ("frozen",),
    "freeze_backbone": ("frozen",),
    "gap": ("global_average_pooling",),
    "ghost_norm": ("ghost_batch_norm",),
    "global_avg_pool": ("global_average_pooling",),
    "global_avg_pooling": ("global_average_pooling",),
    "grad_clip": ("clip_gradients",),
    "gradient_clipping": ("clip_gradients",),
    "hflip": ("flip",),
    "horizontal_flip": ("flip",),
    "knowledge_distillation": ("distil",),
    "label_smooth": ("label_smoothing",),
    "layer_decay": ("layer_wise_rates",),
    "layer_wise_lr_decay": ("layer_wise_rates",),
    "layer_wise_learning_rates": ("layer_wise_rates",),
    "linear_probe": ("frozen",),
    "llrd": ("layer_wise_rates",),
    "lr": ("learning_rate",),
    "mixed_precision": ("precision",),
    "amp": ("precision",),
    "multi_step_lr": ("step_decay",),
    "normalise": ("scaling",),
    "one_cycle_lr": ("one_cycle",),
    "progressive_resizing": ("progressive_resolution",),
    "random_affine": ("affine",),
    "random_crop": ("shift",),
    "random_horizontal_flip": ("flip",),
    "random_resized_crop": ("resized_crop",),
    "random_vertical_flip": ("vertical_flip",),
    "sam": ("sharpness_aware",),
    "se": ("squeeze_excitation",),
    "separable": ("depthwise_separable",),
    "squeeze_and_excitation": ("squeeze_excitation",),
    "step_lr": ("step_decay",),
    "stochastic_weight_averaging": ("swa",),
    "transfer_learning": ("pretrained",),
    "trivial_augment_wide": ("trivial_augment",),
    "vflip": ("vertical_flip",),
    "wd": ("weight_decay",),
}

# Of these, those whose values mean what ours do, in the same order. Those of others have to be
# named: that of `random_crop(32)` is the size of the images elsewhere.
_SAME_ORDER = frozenset(
    {
        "distill",
        "distillation",
        "drop_path",
        "exponential_moving_average",
        "grad_clip",
        "gradient_clipping",
        "knowledge_distillation",
        "label_smooth",
        "layer_decay",
        "layer_wise_lr_decay",
        "layer_wise_learning_rates",
        "llrd",
        "lr",
        "random_vertical_flip",
        "sam",
        "vflip",
        "wd",
    }
)

# Changes that people look for and that there are not, with the reason and what there is instead.
ABSENT: Mapping[str, str] = {
    "augmentation": "random changes of images are changes of their own: 'flip', 'shift', 'cutout', "
    "'rand_augment', 'mixup' and others of `rungs catalogue`",
    "early_stopping": "every rung trains for the epochs of its budget, since runs that end when "
    "validation says so differ in their length, and a gain could come from that alone; nothing is "
    "lost by going on, as of each run the epoch with the lowest validation loss is tested (see "
    "docs/study-file.md). For shorter runs set fewer epochs under [budgets]",
    "epochs": "how long a rung trains is said in [budgets], by rung where they differ",
    "optimiser": "optimisers are changes of their own: 'sgd', 'adamw', 'muon', 'normalised_muon'; "
    "the one that a ladder starts from is `optimiser` under [recipe]",
    "reduce_on_plateau": "the learning rate's course is fixed beforehand, so that it does not "
    "depend on validation, by which epochs are chosen; 'step_decay', 'cosine' and 'one_cycle' are "
    "courses that do as much",
    "schedule": "courses of the learning rate are changes of their own: 'cosine', 'one_cycle', "
    "'step_decay', 'cosine_cycles', 'inverse_time_decay'",
    "seed": "seeds are no change: `seeds` of a study says with how many each rung is trained",
}
_ABSENT_TOO = {
    "early_stop": "early_stopping",
    "patience": "early_stopping",
    "lr_schedule": "schedule",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "reduce_lr_on_plateau": "reduce_on_plateau",
    "num_epochs": "epochs",
    "seeds": "seed",
    "data_augmentation": "augmentation",
}

# From the US to the spelling that we have.
_SPELLINGS = (
    ("optimiz", "optimis"),
    ("normaliz", "normalis"),
    ("regulariz", "regularis"),
    ("color", "colour"),
    ("gray", "grey"),
    ("center", "centre"),
)


def _respelled(name: str) -> str:
    for theirs, ours in _SPELLINGS:
        name = name.replace(theirs, ours)
    return name


def _squeezed(name: str) -> str:
    """A name without what only writes its words apart, such as RandAugment or rand-augment."""
    return _respelled(name.lower()).replace("_", "").replace("-", "")


def field_of(name: str, known: Collection[str]) -> str:
    """Which of the known fields a name means; the name itself if none."""
    if name in known:
        return name
    candidates = (_respelled(name), *FIELDS.get(name, ()))
    return next((one for one in candidates if one in known), name)


def kind_of(name: str, known: Collection[str]) -> str:
    """Which of a seam's kinds a name means; the name itself if none."""
    return _one_of(name, known, KINDS)


def change_of(name: str, known: Collection[str]) -> str:
    """Which modification a name means; the name itself if none."""
    return _one_of(name, known, CHANGES)


def takes_values_in_order(name: str, meant: str) -> bool:
    """Whether values without a name may follow this word for a modification."""
    squeezed = _squeezed(name)
    same = {_squeezed(one) for one in (meant, *_SAME_ORDER)}
    return ":" in name or squeezed in same


def _one_of(name: str, known: Collection[str], others: Mapping[str, tuple[str, ...]]) -> str:
    if name in known or ":" in name:
        return name
    squeezed = _squeezed(name)
    candidates = [one for one in known if _squeezed(one) == squeezed]
    for other, meant in others.items():
        if _squeezed(other) == squeezed:
            candidates += [one for one in meant if one in known]
    return next(iter(candidates), name)


def why_absent(name: str) -> str | None:
    """Why there is no such modification, of one that people look for; None of others."""
    squeezed = _squeezed(name)
    for other in (*ABSENT, *_ABSENT_TOO):
        if _squeezed(other) == squeezed:
            return ABSENT[_ABSENT_TOO.get(other, other)]
    return None
