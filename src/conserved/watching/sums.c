/* Sums over the rows of matrices of float32, all that is asked of a matrix in one pass over it.

   Parts of a sum are made in float32 and added in double. Each thread calls read_matrices with the
   same arguments; `next` is the matrix that nobody has taken yet. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DOT_ROWS, DOT_COLUMNS, DOT_ALL, SUM_ROWS, SUM_COLUMNS, COMBINE_ROWS, COMBINE_COLUMNS };

#define FEW 64 /* rows that are added in float32 */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    int64_t kind;
    int64_t a, b;         /* which factors: 0, 1, 2 */
    int64_t start, size;  /* the rows or columns that are summed; of a cell the first, and how many */
    int64_t cells;        /* cells begin at start, start + stride, ... */
    int64_t stride;
    const float *signs;   /* cells * size */
    double *out;          /* of dots and sums */
    float *room;          /* of combinations: cells * columns, or rows * cells */
} job;

typedef struct {
    int64_t rows, columns;
    int64_t first, count; /* its jobs */
} matrix;

INLINE double dot(const float *a, const float *b, int64_t n)
{
    double total = 0;
    for (int64_t start = 0; start < n; start += 4096) {
        int64_t end = start + 4096 < n ? start + 4096 : n;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t j = start; j < end; j++)
            part += a[j] * b[j];
        total += part;
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

INLINE void flush(float *part, double *out, int64_t n)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] += part[j];
        part[j] = 0;
    }
}

INLINE void row_of(const job *one, const float *const *row, int64_t r, int64_t n, float *part)
{
    const float *a = row[one->a], *b = row[one->b];
    int64_t start = one->start, size = one->size, past = r - start;
    switch (one->kind) {
    case DOT_ALL:
        one->out[0] += dot(a, b, n);
        break;
    case DOT_ROWS:
        if (past >= 0 && past < size)
            one->out[past] = dot(a, b, n);
        break;
    case SUM_ROWS:
        if (past >= 0 && past < size)
            one->out[past] = sum(a, n);
        break;
    case DOT_COLUMNS:
        a += start;
        b += start;
#pragma omp simd
        for (int64_t j = 0; j < size; j++)
            part[j] += a[j] * b[j];
        break;
    case SUM_COLUMNS:
        a += start;
#pragma omp simd
        for (int64_t j = 0; j < size; j++)
            part[j] += a[j];
        break;
    case COMBINE_ROWS:
        if (past >= 0 && past / one->stride < one->cells && past % one->stride < size) {
            int64_t cell = past / one->stride;
            float sign = one->signs[cell * size + past % one->stride], *room = one->room + cell * n;
#pragma omp simd
            for (int64_t j = 0; j < n; j++)
                room[j] += sign * a[j];
        }
        break;
    case COMBINE_COLUMNS:
        for (int64_t k = 0; k < one->cells; k++)
            one->room[r * one->cells + k] = (float)dot(a + start + k * one->stride, one->signs + k * size, size);
        break;
    }
}

/* Returns 0, or -1 where there is no memory. */
FOR_EACH_PROCESSOR static int read_matrix(const matrix *one, const job *jobs, const float *const *factors)
{
    int64_t n = one->columns;
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
    for (int64_t r = 0; r < one->rows; r++) {
        const float *row[3];
        for (int f = 0; f < 3; f++)
            row[f] = factors[f] ? factors[f] + r * n : NULL;
        int full = r % FEW == FEW - 1 || r == one->rows - 1;
        for (int64_t k = 0; k < one->count; k++) {
            row_of(&jobs[k], row, r, n, parts + k * n);
            if (full && (jobs[k].kind == DOT_COLUMNS || jobs[k].kind == SUM_COLUMNS))
                flush(parts + k * n, jobs[k].out, jobs[k].size);
        }
    }
    free(parts);
    return 0;
}

int read_matrices(const matrix *matrices, const job *jobs, const float *const *factors,
                  int64_t count, int64_t *next)
{
    for (;;) {
        int64_t k = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED);
        if (k >= count)
            return 0;
        if (read_matrix(&matrices[k], jobs + matrices[k].first, factors + 3 * k))
            return -1;
    }
}
