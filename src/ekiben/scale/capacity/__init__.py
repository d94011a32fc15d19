"""How much one replica carries within an objective: pure, from steps of load to a rate with its bounds."""
