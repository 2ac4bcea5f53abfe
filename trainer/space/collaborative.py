"""Item vectors from ratings: A = V sqrt(w / (w + lambda)), top eigenpairs of Y'Y (DESIGN 10.6). Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

Float64 = npt.NDArray[np.float64]

DENSE_LIMIT = 4096
"""Below this many users or items all eigenpairs are computed exactly; above, the top ones by Lanczos."""


def top_eigenpairs(matrix: sp.csr_matrix, dim: int, seed: int = 0) -> tuple[Float64, Float64]:
    """The largest eigenvalues w [d] of Y'Y and their vectors V [items, d], d <= ``dim``, falling.

    ``matrix`` is Y, sparse [users, items]. Each vector's largest entry is positive, so that two runs
    agree. Fewer than ``dim`` come back where Y has a smaller rank.
    """
    users, items = matrix.shape
    tall = users >= items
    gram = (matrix.T @ matrix) if tall else (matrix @ matrix.T)
    size = gram.shape[0]
    if size <= DENSE_LIMIT or dim >= size - 1:
        first = max(0, size - dim)
        w, vectors = scipy.linalg.eigh(gram.toarray(), subset_by_index=[first, size - 1])
    else:
        start = np.random.default_rng(seed).standard_normal(size)
        w, vectors = scipy.sparse.linalg.eigsh(gram.astype(np.float64), k=dim, v0=start)
    order = np.argsort(w)[::-1]
    w, vectors = w[order], vectors[:, order]
    keep = w > max(w[0], 0.0) * 1e-10 if len(w) else w > 0
    w, vectors = w[keep], vectors[:, keep]
    if not tall:
        vectors = (matrix.T @ vectors) / np.sqrt(w)
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return w, vectors * signs


def item_vectors(w: Float64, vectors: Float64, regularisation: float, dim: int) -> Float64:
    """A [items, dim] of the first ``dim`` eigenpairs; columns beyond their number are zero.

    The length of a row grows with how many users the item appeals to: it carries popularity and
    certainty, and must not be normalised away.
    """
    used = min(dim, len(w))
    out = np.zeros((vectors.shape[0], dim))
    out[:, :used] = vectors[:, :used] * np.sqrt(w[:used] / (w[:used] + regularisation))
    return out


def count_weights(counts: npt.NDArray[np.int64] | Float64, half: float) -> Float64:
    """a = n / (n + ``half``): how far ratings, not content, speak for an item of n, or of a power of n."""
    n = counts.astype(np.float64)
    return np.divide(n, n + half, out=np.zeros_like(n), where=n > 0)
