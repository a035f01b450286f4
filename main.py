"""What Cloud Functions loads: the names of the entry points, and nothing else."""

from functions.admin import admin
from functions.converge import converge
from functions.fleet import fleet
from functions.offboard import offboard
from functions.onboard import onboard
from functions.reconcile import reconcile

__all__ = ["admin", "converge", "fleet", "offboard", "onboard", "reconcile"]
