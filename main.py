"""The source file that Cloud Functions loads: one name for each entry point.

Checks the settings while it is loaded, so that a deployment with a wrong setting does not start.
"""

import functions_framework

from functions.admin import admin
from functions.converge import converge
from functions.fleet.entry_point import fleet, fleet_not_found
from functions.offboard import offboard
from functions.onboard import onboard
from functions.push_error_handler import FRAMEWORK_ERRORS, push_error_handler
from functions.reconcile import reconcile
from shared.bootstrap import check_settings

__all__ = ["admin", "converge", "fleet", "offboard", "onboard", "reconcile"]

check_settings()
# The framework answers 404 only for an HTTP function, and `fleet` is the only one.
functions_framework.errorhandler(404)(fleet_not_found)
_pubsub_functions = {f.__name__: f for f in (admin, converge, offboard, onboard, reconcile)}
_handle_push_error = push_error_handler(_pubsub_functions)
for _status in FRAMEWORK_ERRORS:
    functions_framework.errorhandler(_status)(_handle_push_error)
