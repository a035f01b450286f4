"""What a deployment costs a month, computed from measured calls, assumptions and list prices."""
