"""The scripts that build and push the image, with stand-ins for Docker, buildah and ECR."""
