#!/usr/bin/env bash
# Builds the Java peers of internal/realpeers, for each version that they are run with: needs a JDK (11 or later) and Maven.
# What they need is downloaded the first time only.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
goals=(process-classes dependency:copy-dependencies -DincludeScope=runtime)
for version in 2.7.2 3.4.2 3.5.1; do
  mvn -B -q -f kcl "-Dkcl.version=$version" "${goals[@]}"
done
mvn -B -q -f kpl "${goals[@]}"
