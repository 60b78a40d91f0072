"""The image beside what people use today: `make bench`.

`apps` are what is packed, `contenders` how; `visits` says what is measured of each, `bars` what was
wished for. All that is shown is made from `results.json`.
"""
