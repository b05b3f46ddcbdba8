#!/usr/bin/env bash
# A single-node Slurm cluster on loopback, for tests. Root, no systemd, no cgroups.
#
#   single_node.sh install                 apt-get the packages (Debian 12)
#   single_node.sh start  STATE_DIR        start (idempotent; restarts what is dead)
#   single_node.sh stop   STATE_DIR        cancel jobs, stop daemons by PID (idempotent)
#   single_node.sh status STATE_DIR        exit 0 if every daemon answers
#   single_node.sh env    STATE_DIR        print the `export SLURM_CONF=... PATH=...` to eval
#   single_node.sh restart-slurmd STATE_DIR
#   single_node.sh purge  STATE_DIR        stop + delete STATE_DIR
#
# Everything (keys, sockets, logs, spool, accounting database) lives under STATE_DIR.
# Settings (environment, read at the first `start`; later starts keep the written config):
#   SLURM_TEST_ACCOUNTING  none (default) | dbd     dbd = slurmdbd + mariadb, gives sacct
#   SLURM_TEST_PORT        first of 4 loopback ports: slurmctld, slurmd, slurmdbd, mariadb [16817]
#   SLURM_TEST_CPUS        CPUs the node claims (may exceed the real ones)                [4]
#   SLURM_TEST_MEM_MB      memory the node claims                             [min(8192, real)]
#   SLURM_TEST_GPUS        fake GPUs                                                      [2]
#   SLURM_TEST_MINJOBAGE   seconds a finished job stays visible to squeue               [3600]
#   SLURM_TEST_EDIT_HOSTS  1 = put "127.0.0.1 HOSTNAME" first in /etc/hosts where needed [0]
set -euo pipefail

die() { echo "single_node: $*" >&2; exit 1; }

usage() { sed -n '2,20p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2; }

ACTION=${1:-}
case "$ACTION" in
    install) ;;
    start|stop|status|env|restart-slurmd|purge)
        [ $# -ge 2 ] || usage
        case "$2" in /*) S=$2 ;; *) S=$PWD/$2 ;; esac
        S=${S%/}
        # munge.socket.2 must fit in sun_path (108), and slurm.conf values take no blanks
        [ "${#S}" -le 80 ] || die "STATE_DIR is too long for a unix socket: $S"
        case "$S" in *[[:space:]]*) die "STATE_DIR must hold no blanks: $S" ;; esac
        ;;
    *) usage ;;
esac
[ "$(id -u)" = 0 ] || die "run me as root"

PATH=$PATH:/usr/sbin:/sbin

# ---------------------------------------------------------------- install
do_install() {
    local pkgs=(slurmctld slurmd slurm-client munge) need=() p
    [ "${SLURM_TEST_ACCOUNTING:-none}" = dbd ] && pkgs+=(slurmdbd mariadb-server-core mariadb-client-core)
    for p in "${pkgs[@]}"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || need+=("$p")
    done
    [ ${#need[@]} -gt 0 ] || { echo "already installed: ${pkgs[*]}"; return 0; }
    # Keep the packages' own init scripts from starting daemons on 0.0.0.0.
    local made=
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d; made=1
    fi
    local rc=0
    apt-get update -qq || true      # a dead third-party source must not stop us
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" || rc=$?
    [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
    return $rc
}

# ---------------------------------------------------------------- processes
# alive NAME PIDFILE: prints the pid if it is our live daemon. A recycled pid is not ours:
# the process name must match, and its environment or command line must name STATE_DIR.
alive() {
    local pid
    pid=$(cat "$2" 2>/dev/null || true)
    [[ $pid =~ ^[0-9]+$ ]] || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null || true)" = "$1" ] || return 1
    grep -qsaF -- "$S/" "/proc/$pid/cmdline" "/proc/$pid/environ" || return 1
    echo "$pid"
}

# stop_one NAME PIDFILE [GRACE_S]
stop_one() {
    local pid i
    pid=$(alive "$1" "$2") || { rm -f "$2"; return 0; }
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < ${3:-15} * 10; i++)); do
        [ -d "/proc/$pid" ] && [ "$(alive "$1" "$2" || true)" = "$pid" ] || { rm -f "$2"; return 0; }
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    sleep 0.2; rm -f "$2"
}

wait_for() { # wait_for SECONDS WHAT COMMAND...
    local t=$1 what=$2 i; shift 2
    for ((i = 0; i < t * 10; i++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
    die "$what did not come up in ${t}s; logs: $S/log"
}

# ---------------------------------------------------------------- configuration
port_ctld=; port_slurmd=; port_dbd=; port_db=
load_settings() { [ -f "$S/settings" ] && . "$S/settings"; }

configure() {
    mkdir -p "$S"/{etc,log,run,ctld,spool,munge}
    chmod 755 "$S" "$S"/{etc,log,run,munge}     # munged refuses group/world-writable parents
    chmod 700 "$S"/{ctld,spool}
    if [ ! -f "$S/settings" ]; then
        local base=${SLURM_TEST_PORT:-16817} real mem
        real=$(awk '/^MemTotal/ {print int($2/1024*0.9)}' /proc/meminfo)
        mem=${SLURM_TEST_MEM_MB:-$(( real < 8192 ? real : 8192 ))}
        # With No*InAddrAny all daemons, and srun, bind to what gethostname() resolves to. It must be
        # 127.0.0.1 itself: with Debian's usual 127.0.1.1 the daemons start, but job steps time out
        # (the step daemon calls srun back at the connection's source address, 127.0.0.1).
        local addr; addr=$(getent ahostsv4 "$(hostname)" | awk 'NR==1 {print $1}' || true)
        if [ "$addr" != 127.0.0.1 ]; then
            [ "${SLURM_TEST_EDIT_HOSTS:-0}" = 1 ] ||
                die "hostname '$(hostname)' resolves to '${addr:-nothing}': put '127.0.0.1 $(hostname)' first in /etc/hosts, or set SLURM_TEST_EDIT_HOSTS=1"
            local hosts; hosts=$(cat /etc/hosts)
            printf '127.0.0.1 %s\n%s\n' "$(hostname)" "$hosts" >/etc/hosts    # in place: it may be a bind mount
        fi
        cat >"$S/settings" <<E
host=$(hostname -s)
accounting=${SLURM_TEST_ACCOUNTING:-none}
port_ctld=$base
port_slurmd=$((base + 1))
port_dbd=$((base + 2))
port_db=$((base + 3))
cpus=${SLURM_TEST_CPUS:-4}
mem=$mem
gpus=${SLURM_TEST_GPUS:-2}
minjobage=${SLURM_TEST_MINJOBAGE:-3600}
E
    fi
    load_settings
    [ "$host" = "$(hostname -s)" ] || die "hostname changed since $S was made; purge it"
    [ -f "$S/munge/munge.key" ] || { (umask 077; head -c 128 /dev/urandom >"$S/munge/munge.key"); }

    local acct gres= i
    if [ "$accounting" = dbd ]; then
        acct="AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$port_dbd
AccountingStoragePass=$S/munge/munge.socket.2
AccountingStoreFlags=job_comment"
    else
        acct="AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$S/log/jobcomp.txt"
    fi
    [ "$gpus" = 0 ] || gres=" Gres=gpu:$gpus"
    cat >"$S/etc/slurm.conf" <<E
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port_ctld
SlurmdPort=$port_slurmd
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$S/munge/munge.socket.2
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$S/ctld
SlurmdSpoolDir=$S/spool
SlurmctldPidFile=$S/run/slurmctld.pid
SlurmdPidFile=$S/run/slurmd.pid
SlurmctldLogFile=$S/log/slurmctld.log
SlurmdLogFile=$S/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=5
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
EnforcePartLimits=ALL
SlurmdTimeout=60
SlurmctldTimeout=60
KillWait=5
MinJobAge=$minjobage
MaxJobCount=100000
MaxArraySize=1001
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=256
SlurmdParameters=config_overrides
GresTypes=gpu
$acct
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$mem$gres State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=1-00:00:00 DefaultTime=01:00:00 State=UP
E
    # Client wrappers. snakemake-executor-plugin-slurm-jobstep >= 0.6 drops SLURM_CONF (and every other
    # SLURM_*) from the environment of the `srun` it nests in each job, so SLURM_CONF alone is not
    # enough; PATH does survive into the job.
    mkdir -p "$S/bin"
    local c
    for c in sacct sacctmgr salloc sattach sbatch scancel scontrol sdiag sinfo sprio squeue sreport srun sshare sstat; do
        [ -x "/usr/bin/$c" ] || continue
        printf '#!/bin/sh\nSLURM_CONF=%s exec /usr/bin/%s "$@"\n' "$S/etc/slurm.conf" "$c" >"$S/bin/$c.tmp"
        chmod 755 "$S/bin/$c.tmp"; mv "$S/bin/$c.tmp" "$S/bin/$c"
    done
    : >"$S/etc/gres.conf"
    if [ "$gpus" != 0 ]; then
        # gres/gpu by Count= alone is refused (node state "inval", count 0 < N): it wants File=.
        # Twins of /dev/null do, and their trailing number becomes CUDA_VISIBLE_DEVICES. Where mknod
        # is forbidden, empty regular files still schedule, but leave CUDA_VISIBLE_DEVICES unset.
        mkdir -p "$S/dev"
        for ((i = 0; i < gpus; i++)); do
            [ -e "$S/dev/fakegpu$i" ] || mknod -m 666 "$S/dev/fakegpu$i" c 1 3 2>/dev/null || : >"$S/dev/fakegpu$i"
        done
        echo "AutoDetect=off
NodeName=$host Name=gpu File=$S/dev/fakegpu[0-$((gpus - 1))]" >"$S/etc/gres.conf"
    fi
    echo "CgroupAutomount=no" >"$S/etc/cgroup.conf"
    if [ "$accounting" = dbd ]; then
        cat >"$S/etc/slurmdbd.conf" <<E
AuthType=auth/munge
AuthInfo=socket=$S/munge/munge.socket.2
DbdHost=$host
DbdAddr=127.0.0.1
DbdPort=$port_dbd
SlurmUser=root
LogFile=$S/log/slurmdbd.log
PidFile=$S/run/slurmdbd.pid
CommunicationParameters=NoInAddrAny
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$port_db
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
E
        chmod 600 "$S/etc/slurmdbd.conf"
    fi
}

# ---------------------------------------------------------------- daemons
export SLURM_CONF=

start_munged() {
    alive munged "$S/run/munged.pid" >/dev/null && return 0
    rm -f "$S/munge/munge.socket.2" "$S/munge/munge.socket.2.lock"
    munged --key-file="$S/munge/munge.key" --socket="$S/munge/munge.socket.2" \
        --pid-file="$S/run/munged.pid" --log-file="$S/log/munged.log" \
        --seed-file="$S/munge/munged.seed" --num-threads=2
    wait_for 10 munged munge -n -S "$S/munge/munge.socket.2"
}

start_db() {
    if ! alive mariadbd "$S/run/mariadbd.pid" >/dev/null; then
        if [ ! -d "$S/db/mysql" ]; then
            mariadb-install-db --no-defaults --user=root --datadir="$S/db" \
                --auth-root-authentication-method=socket --skip-test-db >"$S/log/mariadb-install.log" 2>&1
        fi
        setsid mariadbd --no-defaults --user=root --datadir="$S/db" --socket="$S/run/mysql.sock" \
            --bind-address=127.0.0.1 --port="$port_db" --pid-file="$S/run/mariadbd.pid" \
            --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 --innodb-flush-log-at-trx-commit=0 \
            --skip-name-resolve >"$S/log/mariadbd.log" 2>&1 </dev/null &
        wait_for 60 mariadbd mariadb --no-defaults -uroot -S "$S/run/mysql.sock" -e 'select 1'
        mariadb --no-defaults -uroot -S "$S/run/mysql.sock" -e "
            create database if not exists slurm_acct_db;
            create user if not exists 'slurm'@'127.0.0.1' identified by 'slurm';
            grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1';"
    fi
    if ! alive slurmdbd "$S/run/slurmdbd.pid" >/dev/null; then
        # -D: in the foreground, so that setsid's child is the daemon; SLURM_CONF leads it to slurmdbd.conf
        setsid slurmdbd -D >"$S/log/slurmdbd.out" 2>&1 </dev/null &
        wait_for 60 slurmdbd sacctmgr -n -i show cluster
    fi
    sacctmgr -n -P show cluster format=cluster 2>/dev/null | grep -qx loopback ||
        sacctmgr -i add cluster loopback >/dev/null
}

start_ctld() {
    alive slurmctld "$S/run/slurmctld.pid" >/dev/null && return 0
    slurmctld -f "$S/etc/slurm.conf" >"$S/log/slurmctld.out" 2>&1 </dev/null
    wait_for 20 slurmctld ping_ctld
}
ping_ctld() { scontrol ping | grep -q ' UP$\|is UP'; }

start_slurmd() {
    alive slurmd "$S/run/slurmd.pid" >/dev/null ||
        slurmd -f "$S/etc/slurm.conf" >"$S/log/slurmd.out" 2>&1 </dev/null
    wait_for 30 slurmd node_ready       # also resumes a node that was left drained or down
}
node_ready() {
    local st; st=$(sinfo -h -N -o %T 2>/dev/null | head -1)
    case "$st" in
        idle|mixed|allocated|completing) return 0 ;;
        down*|drain*|inval*) scontrol update nodename="$host" state=resume ;;
    esac
    return 1
}

do_start() {
    local b
    for b in munged slurmctld slurmd sinfo; do command -v "$b" >/dev/null || die "$b is missing: run '$0 install'"; done
    configure
    export SLURM_CONF=$S/etc/slurm.conf
    start_munged
    [ "$accounting" = dbd ] && start_db
    start_ctld
    start_slurmd
    echo "slurm up: $(sinfo -h -N -o '%N %T cpus=%c mem=%m gres=%G')  SLURM_CONF=$SLURM_CONF"
}

# What may outlive slurmd: slurmstepds (by design), and job processes that linuxproc lost track of
# (reparented to init). Ours name STATE_DIR in their environment; a job's also has SLURM_JOB_ID.
our_leftovers() {
    local p
    for p in /proc/[0-9]*; do
        grep -qsaF -- "$S/" "$p/environ" || continue
        [ "$(cat "$p/comm" 2>/dev/null || true)" = slurmstepd ] || grep -qsazE '^SLURM_JOB_ID=' "$p/environ" || continue
        [ "${p#/proc/}" = $$ ] || echo "${p#/proc/}"
    done
    return 0
}

do_stop() {
    [ -z "${SLURM_JOB_ID:-}" ] || die "do not stop the cluster from inside a job"
    load_settings || { echo "nothing in $S"; return 0; }
    export SLURM_CONF=$S/etc/slurm.conf
    local i p
    if alive slurmctld "$S/run/slurmctld.pid" >/dev/null && ping_ctld; then
        timeout 20 scancel --state=PENDING -u root 2>/dev/null || true
        timeout 20 scancel -u root 2>/dev/null || true
        for ((i = 0; i < 150; i++)); do [ -z "$(timeout 5 squeue -h -t PD,R,CG,S,CF 2>/dev/null)" ] && break; sleep 0.1; done
    fi
    stop_one slurmd "$S/run/slurmd.pid" 15
    for p in $(our_leftovers); do kill -TERM "$p" 2>/dev/null || true; done
    stop_one slurmctld "$S/run/slurmctld.pid" 20
    stop_one slurmdbd "$S/run/slurmdbd.pid" 20
    stop_one mariadbd "$S/run/mariadbd.pid" 30
    stop_one munged "$S/run/munged.pid" 10
    for p in $(our_leftovers); do kill -KILL "$p" 2>/dev/null || true; done
    echo "slurm stopped: $S"
}

do_status() {
    load_settings || { echo "not configured: $S"; return 3; }
    export SLURM_CONF=$S/etc/slurm.conf
    local rc=0 d
    for d in munged $([ "$accounting" = dbd ] && echo mariadbd slurmdbd) slurmctld slurmd; do
        if p=$(alive "$d" "$S/run/$d.pid"); then echo "$d up pid=$p"; else echo "$d DOWN"; rc=3; fi
    done
    [ $rc = 0 ] && { timeout 10 sinfo -h -N -o 'node %N %T cpus=%c mem=%m gres=%G' || rc=3; }
    return $rc
}

case "$ACTION" in
    install) do_install ;;
    start) do_start ;;
    stop) do_stop ;;
    status) do_status ;;
    env) echo "export SLURM_CONF=$S/etc/slurm.conf; export PATH=$S/bin:\$PATH" ;;
    restart-slurmd)
        load_settings || die "not configured: $S"
        export SLURM_CONF=$S/etc/slurm.conf
        stop_one slurmd "$S/run/slurmd.pid"; start_slurmd; echo "slurmd pid $(cat "$S/run/slurmd.pid")" ;;
    purge) do_stop; [ -f "$S/settings" ] && rm -rf "$S" || true ;;
esac
