"""Second derivatives of a loss as linear operators: Hessian, Gauss-Newton, Fisher, their blocks, and Jacobians."""
