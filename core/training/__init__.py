"""Training encoders: a projection head on stored features, or a whole network, by one method per file in losses/."""
