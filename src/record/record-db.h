/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The database below the record: file, schema, all SQL, prepared statements. Inside record/ only;
 * whoever calls holds Record.lock.
 */
#pragma once

#include "record/record.h"

#include <sqlite3.h>

/* Parameters have fixed places: ?1…?4 process, ?5…?9 key, ?10 on: the statement's own. */
typedef enum Statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_HISTORY_LAST,        /* → id of the newest entry */
    SQL_HISTORY_ADD,         /* process, key; 10 id, 11 time, 12 name, 13 why, 14 from, 15 to,
                                16 reason, 17 origin */
    SQL_HISTORY_FINISH,      /* 10 id, 11 result */
    SQL_HISTORY_PRUNE,       /* 10 newest id to go */
    SQL_HISTORY_LIST,        /* 10 oldest time → columns of HistoryEntry, the newest first */
    SQL_ORIGINAL_KEEP,       /* process, key; 10 from, 11 to, 12 batch, 13 value before */
    SQL_ORIGINAL_DONE,       /* process, key; 10 batch */
    SQL_ORIGINAL_DROP_MADE,  /* process, key; 10 batch */
    SQL_ORIGINAL_TAKE_BACK,  /* process, key; 10 batch */
    SQL_ORIGINAL_SETTLE,     /* process, key; 10 value */
    SQL_ORIGINAL_LIST,       /* process → key, original, written, previous, pending */
    SQL_ORIGINAL_FORGET,     /* process, key */
    SQL_ORIGINAL_FORGET_ALL, /* 1 uuid */
    SQL_ORIGINAL_GUESTS,     /* → uuid */
    SQL_FLAGS_GET,           /* process → manual, released, settled */
    SQL_FLAGS_SET,           /* process; 10 name, 11 manual, 12 released, 13 settled */
    SQL_PROCESS_LIST, /* → process, of all that there is anything of: QEMU processes, and (pid 0)
                         guests themselves, those with the newest original first */
    SQL_PROCESS_DROP_ORIGINALS, /* process */
    SQL_PROCESS_DROP_FLAGS,     /* process */
    SQL_RESTART_KEEP,           /* process; 10 name, 11 on_reboot, 12 until */
    SQL_RESTART_FORGET,         /* 1 uuid */
    SQL_RESTART_LIST,           /* → process, name, on_reboot, until */
    SQL_PROBE,                  /* a write that changes nothing */
} Statement;
#define N_STATEMENTS (SQL_PROBE + 1)

struct Record {
    GMutex lock;
    char *directory;
    sqlite3 *db;                            /* NULL: it is not open */
    sqlite3_stmt *statements[N_STATEMENTS]; /* NULL: not prepared yet */
    bool damaged;                           /* found so while it was open */
    GPtrArray *unwritten;                   /* of Unwritten, see unwritten.h */
};

/* As record_open(), into a record that is not open, and stays so unless DONE. */
int record_db_open(Record *record, char **reterr_text);
void record_db_close(Record *record); /* writes nothing to one that is damaged */
/* Another file is in its place, or none. */
bool record_db_is_stale(Record *record);

/* Binds to a statement that is not prepared yet or was reset. *ret is borrowed. 0, negative errno;
 * -ENODATA: the record is not open; -EUCLEAN: it is damaged. */
int statement_get(Record *record, Statement statement, sqlite3_stmt **ret);
void statement_bind_text(sqlite3_stmt *stmt, int place, const char *text); /* NULL: NULL; copied */
void statement_bind_number(sqlite3_stmt *stmt, int place, int64_t number);
/* One step. 0 with *ret_row, or negative errno; without a row the statement is reset. */
int statement_step(Record *record, sqlite3_stmt *stmt, bool *ret_row);
/* Steps to the end and resets. 0 or negative errno. */
int statement_run(Record *record, sqlite3_stmt *stmt);
/* A statement without parameters, to its end. */
int statement_run_plain(Record *record, Statement statement);
/* A copy of a text column; NULL stays NULL. */
char *statement_text(sqlite3_stmt *stmt, int column);
