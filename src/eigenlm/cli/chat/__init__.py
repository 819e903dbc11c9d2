"""`eigenlm chat`: a conversation that is typed, pasted or piped."""

from eigenlm.cli.chat.command import ChatCommand as ChatCommand
