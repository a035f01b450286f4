#!/bin/sh
# make deploy: builds what is deployed, shows what would change, asks, and applies exactly that.
#
#   STATE_BUCKET  the bucket of Terraform's state; PROJECT-benchkeeper-state, as infra/bootstrap names it
#   YES=1         apply without asking
#
# Runs from the root of the checkout, with the credentials that Terraform finds
# (`gcloud auth application-default login`).
set -eu

VALUES=infra/terraform.tfvars

refuse() {
    echo "make deploy: $1" >&2
    exit 1
}

[ -f "$VALUES" ] || refuse "there is no $VALUES; copy $VALUES.example and fill in its five values"
command -v terraform > /dev/null || refuse "terraform is not installed; docs/install.md says which version is needed"
project=$(sed -n 's/^ *project *= *"\([^"]*\)".*/\1/p' "$VALUES")
bucket=${STATE_BUCKET:-${project:+$project-benchkeeper-state}}
[ -n "$bucket" ] || refuse "$VALUES has no project = \"…\""

${MAKE:-make} --no-print-directory package profiles-bundle
terraform -chdir=infra init -input=false "-backend-config=bucket=$bucket"
terraform -chdir=infra plan -input=false -lock-timeout=5m -out=../dist/tfplan

if [ "${YES:-}" != 1 ]; then
    printf 'Apply this to project %s? Type yes: ' "$project"
    read -r answer || answer=
    [ "$answer" = yes ] || refuse "nothing was changed"
fi
terraform -chdir=infra apply -input=false -lock-timeout=5m ../dist/tfplan
echo "Deployed. Verify it: make canary PROJECT=$project FLEET_URL=$(terraform -chdir=infra output -raw fleet_url)"
