"""The whole work on the lent machine, inside LIMIT seconds."""
import gzip, json, lzma, os, shutil, subprocess, sys, threading, time
from pathlib import Path
T0=time.time(); LIMIT=float(os.environ.get('LIMIT','565')); OUT=Path(os.environ['OUT']); KEEP=Path('/root/keep'); WORK=Path('/root/work'); WORK.mkdir(exist_ok=True)
LOG=(OUT/'log.txt').open('a',buffering=1)
def say(*a):
    line=f'[{time.time()-T0:6.1f}] '+' '.join(map(str,a)); print(line,flush=True); LOG.write(line+'\n')
import torch
from safetensors.torch import load_file, save_file
say(torch.__version__, torch.cuda.is_available() and torch.cuda.get_device_name(), os.cpu_count())
ROWS=WORK/'rows'; ROWS.mkdir(exist_ok=True)
def jsonl(name, rows, texts):
    with gzip.GzipFile(ROWS/f'{name}.jsonl.gz','wb',compresslevel=1,mtime=0) as f:
        for q,p,n in rows: f.write((json.dumps({'query':texts[q],'pos':[texts[i] for i in p],'neg':[texts[i] for i in n]},ensure_ascii=False)+'\n').encode())
def data():
    import multiprocessing as mp
    blob=json.loads(lzma.decompress((KEEP/'data.json.xz').read_bytes())); texts=blob['texts']
    ps=[mp.get_context('fork').Process(target=jsonl,args=(k,v,texts)) for k,v in blob['rows'].items()]
    [p.start() for p in ps]; [p.join() for p in ps]
def unq(d):
    out={}
    for k,v in d.items():
        if k.endswith('.q'): out[k[:-2]]=(v.float()*d[k[:-2]+'.s'].float()).half().contiguous()
        elif k.endswith('.s') and k[:-2]+'.q' in d: pass
        else: out[k]=v.half().contiguous()
    return out
def models():
    m={}
    for i in range(3): m|=load_file(KEEP/f'mpnet_{i}.safetensors')
    shutil.copytree(KEEP/'mpnet_cfg', WORK/'all-mpnet-base-v2', dirs_exist_ok=True); save_file(unq(m), WORK/'all-mpnet-base-v2/model.safetensors', metadata={'format':'pt'})
    word=load_file(KEEP/'word.safetensors')['word']
    e=unq(load_file(KEEP/'emb_rest.safetensors')); e['embeddings.word_embeddings.weight']=word
    shutil.copytree('assets/models/mini-embedder', WORK/'mini-embedder', dirs_exist_ok=True); save_file(e, WORK/'mini-embedder/model.safetensors', metadata={'format':'pt'})
    r=load_file(KEEP/'reranker_rest.safetensors'); r['bert.embeddings.word_embeddings.weight']=word.clone()
    shutil.copytree('assets/models/mini-reranker', WORK/'mini-reranker', dirs_exist_ok=True); save_file(r, WORK/'mini-reranker/model.safetensors', metadata={'format':'pt'})
a=threading.Thread(target=models); a.start(); data(); a.join(); say('unpacked', [(p.name,p.stat().st_size//1000) for p in ROWS.iterdir()])

os.environ.pop('TOKENIZERS_PARALLELISM',None)
def left(): return LIMIT-(time.time()-T0)
import multiprocessing as mp, random, tomllib
from dataclasses import replace
from playground.training import scoring, cross_encoder, recipe, rows as rows_room, bi_encoder
from playground.training.evaluate import figures_of
from playground.training.judge import dev_sets
from playground.training.settings import TrainingSettings
say('imported')
memory={}; writers=[]
def capture(rows, path):
    rows=list(rows); memory[str(path)]=rows; say('scored',path.name,len(rows))
    p=mp.get_context('fork').Process(target=rows_room.write_rows,args=(rows,path)); p.start(); writers.append(p); return len(rows)
scoring.write_rows=capture
real_read=cross_encoder.read_rows
def read(paths, take=(), seed=0):
    paths=[str(p) for p in paths]
    if not all(p in memory for p in paths): return real_read([Path(p) for p in paths], take, seed)
    files=[list(memory[p]) for p in paths]
    for f,limit in zip(files,take):
        random.Random(seed).shuffle(f); del f[limit:]
    return [r for f in files for r in f]
cross_encoder.read_rows=read
TEACH=[str(WORK/'all-mpnet-base-v2'),str(WORK/'mini-embedder')]
if os.environ.get('SIM'): TEACH=TEACH[1:]
MADE=int(os.environ.get('MADE','50000'))
scoring.score_data(ROWS,TEACH,MADE,say)
if torch.cuda.is_available(): torch.cuda.empty_cache(); say('memory', torch.cuda.mem_get_info())
for k,v in memory.items():
    if 'pairs' in k or 'taught' in k:
        for r in v[:2]: say(k[-20:], r.query[:80], r.pos_scores, r.neg_scores)
(WORK/'out').mkdir(exist_ok=True)
shutil.copytree(WORK/'mini-reranker', WORK/'out/release', dirs_exist_ok=True)
toml=Path('playground/training/recipe.toml').read_text(); d=tomllib.loads(toml)
def settings(i, **kw): return replace(recipe.settings_of(d['stage'][i], ROWS, WORK/'out'), **kw)
R=int(os.environ.get('R','32'))
from playground.training import loop
clock={}
END=float(os.environ.get('END','146'))
def schedule(opt, warm, total):
    clock['start']=time.time(); clock['n']=0
    def rate(step):
        span=END-(clock['start']-T0); done=(time.time()-clock['start'])/span
        return max(min(step/60,1.0)*(1-done),0.0)
    return torch.optim.lr_scheduler.LambdaLR(opt, rate)
loop.get_linear_schedule_with_warmup=schedule
real_batches=loop.batches
def timed(*a):
    for batch in real_batches(*a):
        if time.time()-T0>END: break
        clock['n']+=1
        yield batch
loop.batches=timed
stage=settings(0, take=(15814,1592,13029,10**9), epochs=8, rows_per_step=R, lr=float(os.environ.get('LR','2.5e-4')), evaluate_every=10**6, checkpoint_every=10**6)
def keep(stage):
    f=WORK/'out'/stage/'model.safetensors'
    t={k:v for k,v in load_file(f).items() if 'word_embeddings' not in k}
    ks=sorted(t); half=sum(v.numel() for v in t.values())/2; a={};b={};n=0
    for k in ks:
        (a if n<half else b)[k]=t[k]; n+=t[k].numel()
    save_file(a,OUT/f'{stage}_a.safetensors'); save_file(b,OUT/f'{stage}_b.safetensors')
    records=json.loads((OUT/'records.json').read_text()) if (OUT/'records.json').exists() else {}
    records[stage]=json.loads((WORK/'out'/stage/'training.json').read_text()); records['teacher']=json.loads((ROWS/'teacher.json').read_text()); (OUT/'records.json').write_text(json.dumps(records))
sets=dev_sets(ROWS,int(os.environ.get('DEV','60')))
cross_encoder.run(stage, lambda l: say('  ',l)); say('trained', clock, left())
for w in writers: w.join()
keep('stage-1'); say('kept',left())
for name in ('stage-1','release'):
    if left()<7: break
    model,tok=cross_encoder.load(str(WORK/'out'/name),None); model.to('cuda' if torch.cuda.is_available() else 'cpu')
    say(name, {s:{k:round(v,4) for k,v in figures_of(r,cross_encoder.score_rows(model,tok,r,256)).items()} for s,r in sets.items()})
say('done',left())
