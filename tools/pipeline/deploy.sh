#!/bin/sh
# make deploy: builds what is deployed, shows what would change, asks, and applies exactly that.
#
#   STATE_BUCKET  the bucket of Terraform's state; PROJECT-benchkeeper-state, as infra/bootstrap names it
#   PROFILES      the directory of the profiles; infra/profiles
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
value() { # NAME
    sed -n "s/^ *$1 *= *\"\([^\"]*\)\".*/\1/p" "$VALUES"
}

project=$(value project)
region=$(value region)
bucket=${STATE_BUCKET:-$project-benchkeeper-state}
[ -n "$project" ] || refuse "$VALUES has no project = \"…\""
[ -n "$region" ] || refuse "$VALUES has no region = \"…\""

${MAKE:-make} --no-print-directory package profiles-bundle "REGION=$region"
terraform -chdir=infra init -input=false "-backend-config=bucket=$bucket"
terraform -chdir=infra plan -input=false -lock-timeout=5m -out=../dist/tfplan

if [ "${YES:-}" != 1 ]; then
    printf 'Apply this to project %s? Type yes: ' "$project"
    read -r answer || answer=
    [ "$answer" = yes ] || refuse "nothing was changed"
fi
terraform -chdir=infra apply -input=false -lock-timeout=5m ../dist/tfplan
echo "Deployed. Verify it: make canary PROJECT=$project FLEET_URL=$(terraform -chdir=infra output -raw fleet_url)"
