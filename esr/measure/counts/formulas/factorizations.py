"""Multiply-adds of factorisations and solvers of dense matrices, to the leading order.

Source: Golub and Van Loan, Matrix Computations, 4th edition, chapters 3 to 5, 7 and 8, whose flops
are halved. Those that iterate are counted with the book's number of iterations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import Tensor

Shape = Callable[[float, float, float], float]
"""(rows, columns, right-hand sides) -> multiply-adds."""


def _of(cost: Shape, matrix: int = 0, sides: int | None = None) -> Callable[..., int]:
    """Make a formula from the positions of the matrix and of the right-hand sides."""

    def count(*args: object, **_: object) -> int:
        tensors = [each for each in args if isinstance(each, Tensor)]
        factored = tensors[matrix]
        rows, columns = sorted(factored.shape[-2:], reverse=True)
        right = 0 if sides is None else tensors[sides].numel() / max(_batch(factored) * rows, 1)
        return int(_batch(factored) * cost(rows, columns, right))

    return count


def _batch(tensor: Tensor) -> int:
    return math.prod(tensor.shape[:-2])


def _qr(m: float, n: float, _: float) -> float:
    return m * n**2 - n**3 / 3


def _svd(m: float, n: float, _: float) -> float:
    return 2 * m**2 * n + 4 * m * n**2 + 4.5 * n**3


FACTORIZATIONS: Mapping[str, Callable[..., int]] = {
    **dict.fromkeys(("cholesky", "linalg_cholesky_ex", "linalg_ldl_factor_ex"),
                    _of(lambda _, n, __: n**3 / 6)),
    **dict.fromkeys(("linalg_lu_factor_ex", "linalg_lu", "_linalg_det", "_linalg_slogdet"),
                    _of(lambda m, n, _: (m * n**2 - n**3 / 3) / 2)),
    **dict.fromkeys(("geqrf", "linalg_householder_product"), _of(_qr)),
    "linalg_qr": _of(lambda m, n, k: 2 * _qr(m, n, k)),
    "cholesky_inverse": _of(lambda _, n, __: n**3 / 3),
    "linalg_inv_ex": _of(lambda _, n, __: n**3),
    **dict.fromkeys(("cholesky_solve", "_cholesky_solve_helper"),
                    _of(lambda _, n, k: n**2 * k, matrix=1, sides=0)),
    "linalg_lu_solve": _of(lambda _, n, k: n**2 * k, sides=2),
    "linalg_ldl_solve": _of(lambda _, n, k: n**2 * k, sides=2),
    "triangular_solve": _of(lambda _, n, k: n**2 * k / 2, matrix=1, sides=0),
    "linalg_solve_triangular": _of(lambda _, n, k: n**2 * k / 2, sides=1),
    "_linalg_solve_ex": _of(lambda _, n, k: n**3 / 3 + n**2 * k, sides=1),
    "linalg_lstsq": _of(lambda m, n, k: _qr(m, n, k) + (2 * m * n - n**2 / 2) * k, sides=1),
    "ormqr": _of(lambda m, n, k: (2 * m * n - n**2) * k, sides=2),
    **dict.fromkeys(("_linalg_svd", "linalg_pinv"), _of(_svd)),
    "_linalg_eigh": _of(lambda _, n, __: 4.5 * n**3),
    "linalg_eig": _of(lambda _, n, __: 12.5 * n**3),
    **dict.fromkeys(("linalg_eigvals", "_linalg_eigvals"), _of(lambda _, n, __: 5 * n**3)),
    # Five products of the polynomial of degree 18; each squaring would be one more.
    "linalg_matrix_exp": _of(lambda _, n, __: 5 * n**3),
}  # fmt: skip
"""By the name in ATen."""
