#!/bin/sh
# The last step of cloudbuild.yaml: the plan as text, and the Terraform tree it was made of, both in dist/.
#
# The tree goes with its lock file, which `terraform init` has written if it isn't kept in the repository: applying and
# rolling back then use the providers the plan was made with. The providers themselves are downloaded again.
set -eu

terraform -chdir=infra show -no-color ../dist/tfplan > dist/plan.txt
tar -czf dist/infra.tar.gz --exclude=.terraform infra
