"""Certificates and keys, without input or output: time, serial numbers and keys are arguments.

`certificates` reads and checks them, `requests` judges what stations want signed, `authority` issues.
"""
