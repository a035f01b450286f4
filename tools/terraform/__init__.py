"""Checks the Terraform under infra/ with Terraform itself, without the network or an account.

Terraform comes as a Python package and the Google provider's schema from another one; a stand-in
provider serves that schema. The tools live in virtual environments of their own.
"""
