function drawActivations() {}
