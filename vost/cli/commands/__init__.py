"""The commands of ``vost``, each in a coroutine that parses, calls the API and prints."""
