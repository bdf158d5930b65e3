"""From the prediction log to one request for a newly trained model."""
