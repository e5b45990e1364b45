"""What `service.Service` does, a module for each kind of question; each is loaded when a command asks for it."""
