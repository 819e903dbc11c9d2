"""The example: 'bank', of a river and of money, in a file such as `--senses` takes.

The sentences come in pairs of one build, so that the senses differ in what the words mean and neither in the length nor
in the place of the word. What decides the sense stands before the word, for models that read from left to right.
"""

from pathlib import Path

from eigenlm.analysis.senses.sentences import read_senses

BANK = read_senses(Path(__file__).with_name("bank.json"))
