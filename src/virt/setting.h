/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Private to virt/: one Setting being applied, and the calls of each family of knobs. */
#pragma once

#include "virt/link.h"

typedef struct Apply {
    VirtCall *call;
    const VirtSetting *setting;
    const char *to;      /* NULL: not set */
    unsigned flags;      /* VIR_DOMAIN_AFFECT_LIVE or _CONFIG */
    const GuestDef *def; /* of that plane; NULL: none */
    char **reterr_text;
} Apply;

int apply_refuse(const Apply *apply, const char *text); /* VIRT_REFUSED */
/* r: what libvirt's call returned. VIRT_* */
int apply_finish(const Apply *apply, int r);

typedef struct ApplyParams {
    virTypedParameterPtr items;
    int n, max;
} ApplyParams;
void apply_params_clear(ApplyParams *params);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApplyParams, apply_params_clear)

int bandwidth_apply(const Apply *apply);
int iotune_apply(const Apply *apply);
int iothreads_apply(const Apply *apply);
int poll_apply(const Apply *apply);
