"""Pages of lists in the admin that never count a whole table, nor skip far into it."""

from django.core.paginator import Paginator
from django.utils.functional import cached_property


class CappedPaginator(Paginator):
    """Counts up to ``CAP`` rows; whoever wants what lies beyond narrows the list or searches."""

    CAP = 1000

    @cached_property
    def _counted(self) -> int:
        # Without an order any rows will do, and the database stops at the first that are enough.
        return self.object_list.order_by()[: self.CAP + 1].count()

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.CAP)

    @property
    def is_capped(self) -> bool:
        return self._counted > self.CAP

    def _get_page(self, rows, number, paginator):
        # Keys first: what is joined for display is not fetched for the rows that a later page skips.
        keys = list(rows.values_list("pk", flat=True))
        return super()._get_page(self.object_list.filter(pk__in=keys), number, paginator)
