"""The models behind the API: seen, approved or rejected, and put into service by people."""
