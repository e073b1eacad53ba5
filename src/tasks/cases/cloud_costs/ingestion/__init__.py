"""Cloud costs: Data understanding: exports of any provider as FOCUS columns, prices, sizes and needs."""
