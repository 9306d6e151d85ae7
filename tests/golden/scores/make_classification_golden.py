"""Writes classification.json: scikit-learn's metrics on random scores with ties, missing classes and undefined tags.

Run with `python make_classification_golden.py` (NumPy, scikit-learn).
"""

import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    roc_auc_score,
    top_k_accuracy_score,
)

rng = np.random.default_rng(7)
cases = {}

# Distinct scores, a class without a clip.
clips, classes = 60, 8
scores = rng.normal(size=(clips, classes)).astype(np.float32)
truth = rng.integers(0, classes - 1, size=clips)
scores[np.arange(clips), truth] += 1
predicted = scores.argmax(1)
cases["classification"] = {
    "scores": scores.tolist(),
    "truth": truth.tolist(),
    "accuracy": accuracy_score(truth, predicted),
    "balanced_accuracy": balanced_accuracy_score(truth, predicted),
    "top_5": top_k_accuracy_score(truth, scores, k=5, labels=np.arange(classes)),
    "confusion": confusion_matrix(truth, predicted, labels=np.arange(classes)).tolist(),
}

# Few distinct scores; one tag without a positive, one without a negative.
clips, tags = 80, 6
scores = rng.integers(0, 6, size=(clips, tags)).astype(np.float32) / 4
labels = rng.random((clips, tags)) < 0.3
labels[:, 2] = False
labels[:, 4] = True
defined = [0, 1, 3, 5]
cases["tagging"] = {
    "scores": scores.tolist(),
    "labels": labels.tolist(),
    "roc_auc": {str(t): roc_auc_score(labels[:, t], scores[:, t]) for t in defined},
    "average_precision": {str(t): average_precision_score(labels[:, t], scores[:, t]) for t in defined},
}

# Logistic regression on rows of unit norm.
rows, dim, classes = 120, 6, 4
x = rng.normal(size=(rows, dim))
y = rng.integers(0, classes, size=rows)
x[np.arange(rows), y] += 1
x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
probe = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x.astype(np.float64), y)
cases["probe"] = {"x": x.tolist(), "y": y.tolist(), "probabilities": probe.predict_proba(x.astype(np.float64)).tolist()}

with open("classification.json", "w") as file:
    json.dump(cases, file)
