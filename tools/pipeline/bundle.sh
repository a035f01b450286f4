#!/bin/sh
# The last step of cloudbuild.yaml: the Terraform tree that the plan was made of, and the plan as text, both in dist/.
#
# The tree goes with the files outside it that it reads (the runbook is the text of the alerts), and with its lock file,
# which `terraform init` has written if it isn't kept in the repository: applying and rolling back then use the providers
# the plan was made with. The providers themselves are downloaded again.
#
# The text begins with the sums of all that is stored with it, up to the first empty line. Who approves reads them there,
# and release.sh applies nothing that has another sum.
set -eu

tar -czf dist/infra.tar.gz --exclude=.terraform infra docs/runbook
(cd dist && sha256sum tfplan infra.tar.gz benchkeeper.zip profiles.json) > dist/plan.txt
echo >> dist/plan.txt
terraform -chdir=infra show -no-color ../dist/tfplan >> dist/plan.txt
