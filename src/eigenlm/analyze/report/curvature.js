function drawCurvature() {}
