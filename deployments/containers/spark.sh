#!/bin/sh
# A node of a standalone Spark cluster: `spark.sh master` or `spark.sh worker spark://HOST:7077`. The secret of the cluster
# is in spark-defaults.conf, a file that SPARK_CONF_DIR holds.
set -eu
SPARK_HOME=$(python -c 'import pyspark, pathlib; print(pathlib.Path(pyspark.__file__).parent)')
JAVA_HOME=$(python -c 'from tasks.platform.java import java_home; print(java_home() or "")')
export SPARK_HOME JAVA_HOME
[ -n "$JAVA_HOME" ] || unset JAVA_HOME
kind=$1
shift
case $kind in
    master) exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.master.Master --port 7077 --webui-port 8080 "$@" ;;
    worker) exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker --webui-port 8081 --work-dir /tmp/work "$@" ;;
    *) echo "usage: spark.sh master | worker spark://HOST:7077" >&2; exit 2 ;;
esac
