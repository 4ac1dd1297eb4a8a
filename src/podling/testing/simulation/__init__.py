"""A cluster that lives in virtual time from a seed, in any weather: to find what only happens once in a thousand times, and to see it again."""
