"""What Cloud Functions loads: the names of the entry points, after a look at the settings."""

import functions_framework

from functions.admin import admin
from functions.converge import converge
from functions.fleet import fleet, framework_404
from functions.offboard import offboard
from functions.onboard import onboard
from functions.reconcile import reconcile
from functions.unreadable_push import STATUSES, unreadable_push
from shared.bootstrap import check_settings

__all__ = ["admin", "converge", "fleet", "offboard", "onboard", "reconcile"]

check_settings()
# Of the application that loads this file; only that of `fleet` has paths that aren't found.
functions_framework.errorhandler(404)(framework_404)
_pushed_to = {f.__name__: f for f in (admin, converge, offboard, onboard, reconcile)}
for _status in STATUSES:
    functions_framework.errorhandler(_status)(unreadable_push(_pushed_to))
