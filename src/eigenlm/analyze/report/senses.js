function drawSenses() {}
