"""Statistics owns what may be concluded from counts: intervals, tests, trends."""

from signoff.statistics._interval import Interval
from signoff.statistics._paired import (
    cluster_interval,
    holm,
    mcnemar_exact,
    permutation_test,
    sign_flip,
)
from signoff.statistics._quantile import chi_square_quantile, normal_quantile, student_t_quantile
from signoff.statistics._share import (
    clopper_pearson,
    clustered_share,
    confidence_sequence,
    newcombe,
    pass_k,
    wilson,
)
from signoff.statistics._trend import Line, least_squares
from signoff.statistics._variance import VarianceShares, variance_shares

__all__ = [
    "Interval",
    "Line",
    "VarianceShares",
    "chi_square_quantile",
    "clopper_pearson",
    "cluster_interval",
    "clustered_share",
    "confidence_sequence",
    "holm",
    "least_squares",
    "mcnemar_exact",
    "newcombe",
    "normal_quantile",
    "pass_k",
    "permutation_test",
    "sign_flip",
    "student_t_quantile",
    "variance_shares",
    "wilson",
]
