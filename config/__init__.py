"""Reads `headway.yaml`: `config.loader.load` returns a frozen `config.model.Config`, or every problem at once."""
