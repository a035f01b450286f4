"""A deployment simulated in one thread, and random histories ("lives") of it.

``world`` is the deployment: the real services on a store, a cloud and a clock in memory. Many unit
tests use it alone. A ``simulated`` life acts on a world by ``rules``, keeps a ``model`` of the
expected result, and is checked by ``invariants``, ``truth`` and ``ending``. ``driver`` runs lives
from a seed, and ``machine`` runs them under Hypothesis.
"""
