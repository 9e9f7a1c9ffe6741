"""A participant's dry run: `python test_demo.py --check --model_id N`.

A new rule is one entry in `SOURCE`, `NETWORK` or `FIGURES`, by where it is found out.
"""
