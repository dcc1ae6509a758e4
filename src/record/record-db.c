/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File, schema and SQL of the record.
 *
 * A file that is already there is looked at through a read-only connection first, so that one from
 * a newer vmtuned, or a damaged one, stays byte for byte as it is. Each step of the schema and its
 * version number (user_version) are made in one transaction: a crash leaves an empty database or a
 * whole one, and one of an older vmtuned goes on from where it is.
 *
 * original.written is what vmtuned wants the value to be from the moment the batch began. Until the
 * batch is finished (pending is its number) the machine may have either written or previous.
 * A negative pending: an earlier batch was cut off and left a third value (a pin reset a thread),
 * which is previous then. That is vmtuned's doing, but not a mask to be born under; the row stays
 * marked until a write of it is done. original.made is the batch that kept the original.
 */
#include "record/record-db.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION 2
#define BUSY_TIMEOUT_MSEC 2000 /* another vmtuned (--restore) may be at it for a moment */

/* Step n makes a file of version n of one of version n - 1, and the first one of an empty file.
 * Config originals have boot '', pid 0, start 0: they belong to the guest. instance holds a number,
 * or the name of a device. */
static const char *const schema[] = {
    "CREATE TABLE original("
    " uuid TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL,"
    " knob TEXT NOT NULL, instance NOT NULL, plane TEXT NOT NULL,"
    " tid INTEGER NOT NULL, tid_start INTEGER NOT NULL,"
    " original TEXT, written TEXT, previous TEXT,"
    " pending INTEGER NOT NULL, made INTEGER NOT NULL,"
    " PRIMARY KEY(uuid, boot, pid, start, knob, instance, plane, tid, tid_start)) WITHOUT ROWID;"
    "CREATE TABLE process("
    " uuid TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL,"
    " name TEXT, manual INTEGER NOT NULL, released INTEGER NOT NULL, settled INTEGER NOT NULL,"
    " PRIMARY KEY(uuid, boot, pid, start)) WITHOUT ROWID;"
    "CREATE TABLE restart("
    " uuid TEXT PRIMARY KEY, boot TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL,"
    " name TEXT, on_reboot TEXT, until INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE history("
    " id INTEGER PRIMARY KEY, time INTEGER NOT NULL,"
    " uuid TEXT NOT NULL, boot TEXT NOT NULL, pid INTEGER NOT NULL, start INTEGER NOT NULL,"
    " knob TEXT NOT NULL, instance NOT NULL, plane TEXT NOT NULL,"
    " tid INTEGER NOT NULL, tid_start INTEGER NOT NULL,"
    " name TEXT, why TEXT, before TEXT, after TEXT, result TEXT NOT NULL);",
    "ALTER TABLE history ADD COLUMN reason TEXT;"
    "ALTER TABLE history ADD COLUMN origin TEXT;",
};
G_STATIC_ASSERT(G_N_ELEMENTS(schema) == SCHEMA_VERSION);

#define PROCESS_COLUMNS "uuid, boot, pid, start"
#define KEY_COLUMNS "knob, instance, plane, tid, tid_start"
#define WHERE_PROCESS " WHERE uuid=?1 AND boot=?2 AND pid=?3 AND start=?4"
#define WHERE_KEY                                                                                  \
    WHERE_PROCESS " AND knob=?5 AND instance=?6 AND plane=?7 AND tid=?8 AND tid_start=?9"

/* The original of a change without one: ?13, what it was before anybody changed it; but a thread
 * that has a mask vmtuned wrote for its class (a vhost worker: or for the emulator, whose threads
 * start it) was born under it, and its original is that of its class. A vCPU or IOThread plugged
 * under a pin of vmtuned was born under that: cgroup and thread have the original of the pin. */
#define BORN_PINNED                                                                                \
    WHERE_PROCESS " AND ?7='actual' AND ?5 IN ('vcpu.pin','iothread.pin') AND plane='live'"        \
                  " AND knob=?5 AND instance=?6 AND made<?12"                                      \
                  " AND (abs(pending)<>?12 AND written IS ?13 OR pending>0 AND previous IS ?13)"
#define FIRST_ORIGINAL                                                                             \
    "CASE WHEN EXISTS(SELECT 1 FROM original" BORN_PINNED                                          \
    ") THEN (SELECT original FROM original" BORN_PINNED ") ELSE"                                   \
    " coalesce((SELECT original FROM original" WHERE_PROCESS " AND plane=?7 AND tid<>0 AND ?8<>0"  \
    " AND (knob=?5 AND instance=?6 OR ?5='vhost.pin' AND knob='emulator.pin')"                     \
    " AND made<?12 AND (abs(pending)<>?12 AND written IS ?13 OR pending>0 AND previous IS ?13)"    \
    " ORDER BY knob=?5 DESC, tid LIMIT 1), ?13) END"

static const char *const sql[N_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_HISTORY_LAST] = "SELECT coalesce(max(id), 0) FROM history",
    [SQL_HISTORY_ADD] = "INSERT INTO history(" PROCESS_COLUMNS ", " KEY_COLUMNS
                        ", id, time, name, why, before, after, reason, origin, result) VALUES"
                        "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,'unfinished')",
    [SQL_HISTORY_FINISH] = "UPDATE history SET result=?11 WHERE id=?10",
    [SQL_HISTORY_PRUNE] = "DELETE FROM history WHERE id<=?10",
    [SQL_HISTORY_LIST] =
        "SELECT " KEY_COLUMNS ", id, time, uuid, name, why, before, after, reason, origin, result"
        " FROM history WHERE time>=?10 ORDER BY id DESC",
    [SQL_ORIGINAL_KEEP] =
        "INSERT INTO original(" PROCESS_COLUMNS ", " KEY_COLUMNS
        ", original, written, previous, pending, made)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9," FIRST_ORIGINAL ",?11,?10,?12,?12)"
        " ON CONFLICT DO UPDATE SET"
        " previous=CASE WHEN pending=0 OR written IS ?10 THEN written"
        " WHEN previous IS ?10 THEN previous ELSE ?10 END,"
        " written=excluded.written,"
        " pending=CASE WHEN pending<0 OR pending>0 AND written IS NOT ?10 AND previous IS NOT ?10"
        " THEN -excluded.pending ELSE excluded.pending END",
    [SQL_ORIGINAL_DONE] =
        "UPDATE original SET previous=NULL, pending=0" WHERE_KEY " AND abs(pending)=?10",
    [SQL_ORIGINAL_DROP_MADE] = "DELETE FROM original" WHERE_KEY " AND made=?10",
    [SQL_ORIGINAL_TAKE_BACK] =
        "UPDATE original SET written=previous, previous=NULL, pending=0" WHERE_KEY
        " AND pending=?10",
    [SQL_ORIGINAL_SETTLE] =
        "UPDATE original SET written=?10, previous=NULL, pending=0" WHERE_KEY " AND pending>0",
    [SQL_ORIGINAL_LIST] = "SELECT " KEY_COLUMNS ", original, written, previous, pending"
                          " FROM original" WHERE_PROCESS " OR (uuid=?1 AND boot='' AND pid=0)",
    [SQL_ORIGINAL_FORGET] = "DELETE FROM original" WHERE_KEY,
    [SQL_ORIGINAL_FORGET_ALL] = "DELETE FROM original WHERE uuid=?1",
    [SQL_ORIGINAL_GUESTS] = "SELECT DISTINCT uuid FROM original ORDER BY uuid",
    [SQL_FLAGS_GET] = "SELECT manual, released, settled FROM process" WHERE_PROCESS,
    [SQL_FLAGS_SET] = "INSERT OR REPLACE INTO process(" PROCESS_COLUMNS
                      ", name, manual, released, settled) VALUES(?1,?2,?3,?4,?10,?11,?12,?13)",
    [SQL_PROCESS_LIST] =
        "SELECT " PROCESS_COLUMNS " FROM (SELECT " PROCESS_COLUMNS " FROM original"
        " UNION SELECT " PROCESS_COLUMNS " FROM process) AS own"
        " ORDER BY (SELECT max(made) FROM original WHERE uuid=own.uuid AND pid=0) DESC",
    [SQL_PROCESS_DROP_ORIGINALS] = "DELETE FROM original" WHERE_PROCESS,
    [SQL_PROCESS_DROP_FLAGS] = "DELETE FROM process" WHERE_PROCESS,
    [SQL_RESTART_KEEP] = "INSERT OR REPLACE INTO restart(" PROCESS_COLUMNS
                         ", name, on_reboot, until) VALUES(?1,?2,?3,?4,?10,?11,?12)",
    [SQL_RESTART_FORGET] = "DELETE FROM restart WHERE uuid=?1",
    [SQL_RESTART_LIST] =
        "SELECT " PROCESS_COLUMNS ", name, on_reboot, until FROM restart ORDER BY uuid",
    [SQL_PROBE] = "PRAGMA user_version=" G_STRINGIFY(SCHEMA_VERSION),
};

/* --- statements --- */

static int errno_of(sqlite3 *db, int rc)
{
    int system_error = sqlite3_system_errno(db);

    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    default:
        return system_error > 0 ? -system_error : -EIO;
    }
}

/* Of a call on the open record. */
static int note_error(Record *record, int rc)
{
    int r = errno_of(record->db, rc);

    record->damaged |= r == -EUCLEAN;
    return r;
}

int statement_get(Record *record, Statement statement, sqlite3_stmt **ret)
{
    sqlite3_stmt **stmt = &record->statements[statement];

    if (!record->db)
        return -ENODATA;
    if (record->damaged)
        return -EUCLEAN;
    if (!*stmt) {
        int rc = sqlite3_prepare_v3(record->db, sql[statement], -1, SQLITE_PREPARE_PERSISTENT, stmt,
                                    NULL);
        if (rc != SQLITE_OK)
            return note_error(record, rc);
    }
    *ret = *stmt;
    return 0;
}

void statement_bind_text(sqlite3_stmt *stmt, int place, const char *text)
{
    if (sqlite3_bind_text(stmt, place, text, -1, SQLITE_TRANSIENT) == SQLITE_NOMEM)
        g_error("out of memory"); /* it would be written as "not set" */
}

void statement_bind_number(sqlite3_stmt *stmt, int place, int64_t number)
{
    sqlite3_bind_int64(stmt, place, number);
}

int statement_step(Record *record, sqlite3_stmt *stmt, bool *ret_row)
{
    int rc = sqlite3_step(stmt);

    *ret_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return 0;
    int r = rc == SQLITE_DONE ? 0 : note_error(record, rc);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return r;
}

int statement_run(Record *record, sqlite3_stmt *stmt)
{
    bool row = true;
    int r = 0;

    while (r == 0 && row)
        r = statement_step(record, stmt, &row);
    return r;
}

int statement_run_plain(Record *record, Statement statement)
{
    sqlite3_stmt *stmt = NULL;
    int r = statement_get(record, statement, &stmt);

    return r < 0 ? r : statement_run(record, stmt);
}

char *statement_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    if (!text && sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM)
        g_error("out of memory"); /* it would be read as "not set" */
    return g_strdup(text);
}

/* --- opening --- */

static int open_error(sqlite3 *db, int rc, const char *path, char **reterr_text)
{
    int r = errno_of(db, rc);

    if (r == -EUCLEAN) {
        *reterr_text = g_strdup_printf("%s is damaged or no database (%s): left as it is", path,
                                       sqlite3_errmsg(db));
        return RECORD_CORRUPT;
    }
    *reterr_text =
        g_strdup_printf("cannot open %s: %s (%s)", path, g_strerror(-r), sqlite3_errmsg(db));
    return r;
}

/* The first column of the first row of a query, as text; NULL if there is none. An SQLite code. */
static int query_text(sqlite3 *db, const char *query, char **ret)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, query, -1, &stmt, NULL);

    *ret = NULL;
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            *ret = statement_text(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Judges an open database by version, content and health. */
static int database_check(sqlite3 *db, const char *path, char **reterr_text)
{
    g_autofree char *version = NULL, *objects = NULL, *health = NULL;
    int rc = query_text(db, "PRAGMA user_version", &version);

    if (rc == SQLITE_OK)
        rc = query_text(db, "SELECT count(*) FROM sqlite_master", &objects);
    if (rc != SQLITE_OK)
        return open_error(db, rc, path, reterr_text);
    int number = atoi(version);
    if (number > SCHEMA_VERSION) {
        *reterr_text = g_strdup_printf("%s was written by a newer vmtuned (schema %d, known is %d):"
                                       " left as it is",
                                       path, number, SCHEMA_VERSION);
        return RECORD_NEWER;
    }
    rc = query_text(db, "PRAGMA quick_check(1)", &health);
    if (rc != SQLITE_OK)
        return open_error(db, rc, path, reterr_text);
    bool is_new = number == 0 && g_str_equal(objects, "0");
    if (g_strcmp0(health, "ok") == 0 && (number > 0 || is_new))
        return RECORD_DONE;
    *reterr_text = g_strdup_printf("%s is damaged or not vmtuned's (%s): left as it is", path,
                                   health ? health : "no answer");
    return RECORD_CORRUPT;
}

/* SQLite keeps 20 pages and 48 KiB for small things ready for each database: the record is asked
 * too seldom for that. */
static void keep_nothing_ready(void)
{
    static gsize done;

    if (!g_once_init_enter(&done))
        return;
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
    g_once_init_leave(&done, 1);
}

/* An SQLite code; *ret is NULL only if memory is out. */
static int file_open(const char *path, int flags, sqlite3 **ret)
{
    keep_nothing_ready();
    int rc = sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (*ret) {
        sqlite3_busy_timeout(*ret, BUSY_TIMEOUT_MSEC);
        sqlite3_extended_result_codes(*ret, 1);
    }
    return rc;
}

/* The log of a database that is gone or empty: SQLite would throw it away, and with it all that the
 * database had. */
static bool log_is_orphan(const char *path)
{
    g_autofree char *log = g_strconcat(path, "-wal", NULL);
    struct stat info;

    if (stat(path, &info) == 0 ? info.st_size > 0 : errno != ENOENT)
        return false;
    return stat(log, &info) == 0 && info.st_size > 0;
}

/* Looks at the file, if there is one, without writing to it. */
static int file_check(const char *path, char **reterr_text)
{
    sqlite3 *db = NULL;

    if (log_is_orphan(path)) {
        *reterr_text = g_strdup_printf("%s is gone or empty, and its log %s-wal is not: left as it "
                                       "is; put it back, or remove the log",
                                       path, path);
        return RECORD_CORRUPT;
    }
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return RECORD_DONE;
    int rc = file_open(path, SQLITE_OPEN_READONLY, &db);
    int r = rc == SQLITE_OK ? database_check(db, path, reterr_text)
                            : open_error(db, rc, path, reterr_text);
    if (db)
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db);
    return r;
}

/* Syncs the parent too: the directory must survive a power cut as the file in it does. */
static int directory_make(const char *directory)
{
    if (mkdir(directory, 0700) < 0)
        return errno == EEXIST ? 0 : -errno;
    g_autofree char *parent = g_path_get_dirname(directory);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return r;
}

/* SQLite would make it 0644; its other files take over the mode of this one. */
static int file_make(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return -errno;
    return chmod(path, 0600) < 0 ? -errno : 0;
}

/* Step by step to the newest schema. An SQLite code. */
static int schema_upgrade(sqlite3 *db, int version)
{
    int rc = SQLITE_OK;

    for (; rc == SQLITE_OK && version < SCHEMA_VERSION; version++) {
        g_autofree char *step = g_strdup_printf("BEGIN IMMEDIATE;%sPRAGMA user_version=%d;COMMIT;",
                                                schema[version], version + 1);
        rc = sqlite3_exec(db, step, NULL, NULL, NULL);
    }
    return rc;
}

static int database_open(Record *record, const char *path, char **reterr_text)
{
    g_autofree char *mode = NULL, *version = NULL;
    int rc = file_open(path, SQLITE_OPEN_READWRITE, &record->db);

    /* Where shared memory does not work the journal stays the old kind: as safe, only slower. */
    if (rc == SQLITE_OK)
        rc = query_text(record->db, "PRAGMA journal_mode=WAL", &mode);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(record->db, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = query_text(record->db, "PRAGMA user_version", &version);
    if (rc == SQLITE_OK)
        rc = schema_upgrade(record->db, atoi(version));
    return rc == SQLITE_OK ? RECORD_DONE : open_error(record->db, rc, path, reterr_text);
}

int record_db_open(Record *record, char **reterr_text)
{
    g_autofree char *path = g_build_filename(record->directory, "record.db", NULL);
    int r = directory_make(record->directory);

    if (r < 0) {
        *reterr_text = g_strdup_printf("cannot make %s: %s", record->directory, g_strerror(-r));
        return r;
    }
    r = file_check(path, reterr_text);
    if (r != RECORD_DONE)
        return r;
    r = file_make(path);
    if (r < 0) {
        *reterr_text = g_strdup_printf("cannot make %s: %s", path, g_strerror(-r));
        return r;
    }
    r = database_open(record, path, reterr_text);
    if (r != RECORD_DONE)
        record_db_close(record);
    return r;
}

void record_db_close(Record *record)
{
    for (unsigned i = 0; i < N_STATEMENTS; i++)
        sqlite3_finalize(g_steal_pointer(&record->statements[i]));
    if (record->db && record->damaged)
        sqlite3_db_config(record->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    record->damaged = false;
    sqlite3_close(g_steal_pointer(&record->db));
}

bool record_db_is_stale(Record *record)
{
    int moved = 0;

    return sqlite3_file_control(record->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           moved != 0;
}
