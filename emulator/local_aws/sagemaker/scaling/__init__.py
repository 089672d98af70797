"""Application Auto Scaling of endpoint variants, by the policies that were put."""
