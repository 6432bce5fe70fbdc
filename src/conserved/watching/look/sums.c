/* Sums over the rows of matrices of float32, all that is asked of a matrix in one pass over it.

   Parts of a sum are made in float32 and added in double. Each thread calls read_matrices with the
   same task; what is left of it is shared. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DOT_ROWS, DOT_COLUMNS, DOT_ALL, SUM_ROWS, SUM_COLUMNS, COMBINE_ROWS, COMBINE_COLUMNS, PAIR };

#define FEW 64     /* rows that are added in float32 */
#define TOGETHER 4 /* rows that are read at once */
#define AHEAD 8    /* rows that narrow columns are asked for before they are read */
#define LINE 16    /* numbers of a line of the cache */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float wide __attribute__((vector_size(64), aligned(4), may_alias));
#define WIDE 16
#define AT(x) (*(const wide *)(x))

typedef struct {
    int64_t kind;
    int64_t a, b;         /* which factors: 0, 1, 2 */
    int64_t start, size;  /* the rows or columns that are summed; of a cell the first, and how many */
    int64_t cells;        /* cells begin at start, start + stride, ... */
    int64_t stride;
    const float *signs;   /* cells * size; of a pair the first combination */
    double *out;          /* of dots, sums and pairs */
    float *room;          /* of combinations: cells * columns, or cells * rows; of a pair the second */
} job;

typedef struct {
    int64_t rows, columns;
    int64_t first, count; /* its jobs */
} matrix;

typedef struct {
    const matrix *matrices;
    const job *jobs;
    const float *const *factors; /* three of each matrix */
    int64_t count;               /* of matrices */
    int64_t next;                /* the first that nobody has taken yet */
    int64_t failed;              /* whether there was no memory for one */
} task;

INLINE double lanes(wide x)
{
    double total = 0;
    for (int k = 0; k < WIDE; k++)
        total += x[k];
    return total;
}

INLINE double dot(const float *a, const float *b, int64_t n)
{
    double total = 0;
    for (int64_t start = 0; start < n; start += 4096) {
        int64_t end = start + 4096 < n ? start + 4096 : n, j = start;
        wide p = {0}, q = {0}, r = {0}, s = {0};
        float rest = 0;
        for (; j + 4 * WIDE <= end; j += 4 * WIDE) {
            p += AT(a + j) * AT(b + j);
            q += AT(a + j + WIDE) * AT(b + j + WIDE);
            r += AT(a + j + 2 * WIDE) * AT(b + j + 2 * WIDE);
            s += AT(a + j + 3 * WIDE) * AT(b + j + 3 * WIDE);
        }
        for (; j < end; j++)
            rest += a[j] * b[j];
        total += lanes((p + q) + (r + s)) + rest;
    }
    return total;
}

INLINE double sum(const float *a, int64_t n)
{
    double total = 0;
    for (int64_t start = 0; start < n; start += 4096) {
        int64_t end = start + 4096 < n ? start + 4096 : n;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t j = start; j < end; j++)
            part += a[j];
        total += part;
    }
    return total;
}

/* part[j] += sum over rows of scale * a * b; where scale is NULL 1, where b is NULL 1 */
INLINE void add_rows(const float *a, const float *b, const float *scale, int64_t rows, int64_t n, int64_t size, float *part)
{
    int64_t j = 0;
    if (rows == TOGETHER) {
        const float *a1 = a + n, *a2 = a1 + n, *a3 = a2 + n;
        if (scale)
            for (; j + WIDE <= size; j += WIDE)
                *(wide *)(part + j) += (scale[0] * AT(a + j) + scale[1] * AT(a1 + j)) + (scale[2] * AT(a2 + j) + scale[3] * AT(a3 + j));
        else if (!b)
            for (; j + WIDE <= size; j += WIDE)
                *(wide *)(part + j) += (AT(a + j) + AT(a1 + j)) + (AT(a2 + j) + AT(a3 + j));
        else if (a == b)
            for (; j + WIDE <= size; j += WIDE) {
                wide x = AT(a + j), y = AT(a1 + j), z = AT(a2 + j), t = AT(a3 + j);
                *(wide *)(part + j) += (x * x + y * y) + (z * z + t * t);
            }
        else
            for (; j + WIDE <= size; j += WIDE)
                *(wide *)(part + j) += (AT(a + j) * AT(b + j) + AT(a1 + j) * AT(b + n + j)) + (AT(a2 + j) * AT(b + 2 * n + j) + AT(a3 + j) * AT(b + 3 * n + j));
    }
    for (int64_t r = 0; r < rows; r++) {
        float by = scale ? scale[r] : 1;
#pragma omp simd
        for (int64_t k = j; k < size; k++)
            part[k] += by * a[r * n + k] * (b ? b[r * n + k] : 1);
    }
}

INLINE void flush(float *part, double *out, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] += part[j];
        part[j] = 0;
    }
}

/* Rows r, ..., r + rows - 1 of a total, of which row[] has the first. */
INLINE void read_rows(const job *one, const float *const *row, int64_t r, int64_t rows, int64_t total, int64_t n, float *part)
{
    const float *a = row[one->a], *b = row[one->b];
    int64_t start = one->start, size = one->size;
    switch (one->kind) {
    case DOT_ALL:
        one->out[0] += dot(a, b, rows * n);
        break;
    case DOT_ROWS:
    case SUM_ROWS:
        for (int64_t k = 0; k < rows; k++)
            if (r + k >= start && r + k < start + size)
                one->out[r + k - start] = one->kind == DOT_ROWS ? dot(a + k * n, b + k * n, n) : sum(a + k * n, n);
        break;
    case DOT_COLUMNS:
        add_rows(a + start, b + start, NULL, rows, n, size, part);
        break;
    case SUM_COLUMNS:
        add_rows(a + start, NULL, NULL, rows, n, size, part);
        break;
    case COMBINE_ROWS:
        for (int64_t k = 0; k < rows;) {
            int64_t past = r + k - start, cell = past / one->stride, place = past % one->stride;
            if (past < 0 || cell >= one->cells || place >= size) {
                k++;
                continue;
            }
            int64_t here = rows - k < size - place ? rows - k : size - place;
            add_rows(a + k * n, NULL, one->signs + cell * size + place, here, n, n, one->room + cell * n);
            k += here;
        }
        break;
    case COMBINE_COLUMNS:
        for (int64_t k = 0; k < rows; k++)
            for (int64_t cell = 0; cell < one->cells; cell++)
                one->room[cell * total + r + k] = (float)dot(a + k * n + start + cell * one->stride, one->signs + cell * size, size);
        break;
    }
}

/* The columns that every row is read in, where they are few: a processor does not foresee them. */
INLINE int narrow(const matrix *one, const job *jobs, int64_t *from, int64_t *to)
{
    *from = one->columns;
    *to = 0;
    for (int64_t k = 0; k < one->count; k++) {
        const job *mine = &jobs[k];
        if (mine->kind == COMBINE_ROWS || mine->kind == PAIR)
            continue;
        if (mine->kind != DOT_COLUMNS && mine->kind != SUM_COLUMNS)
            return 0;
        *from = mine->start < *from ? mine->start : *from;
        *to = mine->start + mine->size > *to ? mine->start + mine->size : *to;
    }
    return 2 * (*to - *from) < one->columns;
}

/* Returns 0, or -1 where there is no memory. */
FOR_EACH_PROCESSOR static int read_matrix(const matrix *one, const job *jobs, const float *const *factors)
{
    int64_t n = one->columns, from, to;
    int few = narrow(one, jobs, &from, &to);
    float *parts = calloc(one->count * n + 1, sizeof(float)); /* 0 bytes may be NULL */
    if (!parts)
        return -1;
    for (int64_t k = 0; k < one->count; k++) {
        const job *mine = &jobs[k];
        if (mine->kind == DOT_ALL)
            mine->out[0] = 0;
        if (mine->kind == DOT_COLUMNS || mine->kind == SUM_COLUMNS)
            memset(mine->out, 0, mine->size * sizeof(double));
        if (mine->kind == COMBINE_ROWS)
            memset(mine->room, 0, mine->cells * n * sizeof(float));
    }
    for (int64_t r = 0; r < one->rows; r += TOGETHER) {
        int64_t rows = one->rows - r < TOGETHER ? one->rows - r : TOGETHER;
        const float *row[3];
        for (int f = 0; f < 3; f++) {
            row[f] = factors[f] ? factors[f] + r * n : NULL;
            for (int64_t k = r + AHEAD; few && row[f] && k < r + AHEAD + TOGETHER && k < one->rows; k++)
                for (int64_t j = from; j < to + LINE - 1; j += LINE)
                    __builtin_prefetch(factors[f] + k * n + (j < to ? j : to - 1));
        }
        int full = (r + rows) % FEW == 0 || r + rows == one->rows;
        for (int64_t k = 0; k < one->count; k++) {
            read_rows(&jobs[k], row, r, rows, one->rows, n, parts + k * n);
            if (full && (jobs[k].kind == DOT_COLUMNS || jobs[k].kind == SUM_COLUMNS))
                flush(parts + k * n, jobs[k].out, jobs[k].size);
        }
    }
    for (int64_t k = 0; k < one->count; k++)
        for (int64_t cell = 0; jobs[k].kind == PAIR && cell < jobs[k].cells; cell++)
            jobs[k].out[cell] = dot(jobs[k].signs + cell * jobs[k].size, jobs[k].room + cell * jobs[k].size, jobs[k].size);
    free(parts);
    return 0;
}

void read_matrices(task *all)
{
    for (;;) {
        int64_t k = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED);
        if (k >= all->count)
            return;
        const matrix *one = &all->matrices[k];
        if (read_matrix(one, all->jobs + one->first, all->factors + 3 * k))
            __atomic_store_n(&all->failed, 1, __ATOMIC_RELAXED);
    }
}
