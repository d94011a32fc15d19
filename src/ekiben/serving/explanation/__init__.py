"""Why a prediction is what it is: contributions of each column that add up to the model's output."""
