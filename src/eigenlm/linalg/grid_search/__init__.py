"""The step with which a few numbers are rounded best, searched for among many: what the files of llama.cpp rest on."""
