"""The example: 'bank', of a river and of money.

The sentences come in pairs of one build, so that the senses differ in what the words mean and neither in the length nor
in the place of the word. What decides the sense stands before the word, for models that read from left to right.
"""

from eigenlm.analysis.senses.sentences import SenseSentences

_RIVER = (
    "After the flood the water had eaten away half of the bank.",
    "We tied the canoe to a willow and climbed up the side of the bank.",
    "The otter slid through the reeds and vanished under the bank.",
    "Two anglers laid out the trout that they had caught on the bank.",
    "Cattle had come to the stream so often that they had trampled the bank and muddied the water.",
    "She skipped stones across the river from the opposite bank until dusk.",
    "The current caught our raft and pushed it hard against the bank.",
    "Kingfishers dig their tunnels into a sandy bank above the water.",
    "In spring wild garlic covers the whole bank of the brook.",
    "The ferryman warned that he could not cross the rapids to the far bank before dark.",
    "When the river rises, the roots of old alders hold the bank together.",
    "Swimming hard, the dog reached the shallows and shook itself dry on the bank.",
    "A heron stood in the shallow water among the rushes near the bank.",
    "Upstream of the weir the canoeists examined every bend that the bank had formed.",
    "The children caught tadpoles in jars while their aunt dozed on the grassy bank.",
    "The salmon had buried their eggs in the gravel a few feet from the bank.",
)
_MONEY = (
    "After the layoffs the family had asked for a smaller mortgage at the bank.",
    "We signed the loan papers and shook hands with the manager of the bank.",
    "The thieves emptied the safe and fled through the back door of the bank.",
    "Two clerks counted the cash that the shop had earned for the bank.",
    "Customers had withdrawn their savings so fast that the regulator had closed the bank and frozen its assets.",
    "She moved her pension to a cheaper online bank until rates improved.",
    "The fraud alert blocked my card and told me to call the bank.",
    "Investors lost their trust in a small bank with risky debts.",
    "In autumn a foreign lender bought the whole bank for one euro.",
    "The accountant warned that he could not deposit the cheque at the branch of the bank before noon.",
    "When interest rates rise, the deposits of old clients keep the bank afloat.",
    "Saving hard, the couple paid off the overdraft and closed their account at the bank.",
    "A cashier sat behind the thick glass among the ledgers of the bank.",
    "Ahead of the merger the auditors examined every credit that the bank had granted.",
    "The students opened accounts on their phones while their parents queued at the local bank.",
    "The salary had been paid on the last Friday of the month by the bank.",
)

BANK = SenseSentences(word="bank", senses={"river": _RIVER, "money": _MONEY})
