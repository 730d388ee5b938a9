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
env=dict(os.environ, TOKENIZERS_PARALLELISM='true', PYTHONUNBUFFERED='1')
maker=subprocess.Popen([sys.executable,'-c','from playground.bench.peers import shape_of, model_of\nfor n in ("bge-reranker-base","bge-reranker-v2-m3"): print(model_of(shape_of(n)))'],env=dict(env,CUDA_VISIBLE_DEVICES='',OMP_NUM_THREADS='2'),stdout=subprocess.DEVNULL,stderr=subprocess.PIPE)
def left(): return LIMIT-(time.time()-T0)
def run(cmd, limit, extra={}):
    p=subprocess.Popen(cmd,env=dict(env,**extra),stdout=subprocess.PIPE,stderr=subprocess.STDOUT,text=True)
    t=threading.Timer(limit,p.kill); t.start()
    for line in p.stdout:
        line=line.rstrip()
        if line: say('  ',line[:400])
    t.cancel(); return p.wait()
def keep(stage):
    f=WORK/'out'/stage/'model.safetensors'
    if not f.exists(): say('no',stage); return
    t={k:v for k,v in load_file(f).items() if 'word_embeddings' not in k}
    ks=sorted(t); half=sum(v.numel() for v in t.values())/2; a={};b={};n=0
    for k in ks:
        (a if n<half else b)[k]=t[k]; n+=t[k].numel()
    save_file(a,OUT/f'{stage}_a.safetensors'); save_file(b,OUT/f'{stage}_b.safetensors')
    records=json.loads((OUT/'records.json').read_text()) if (OUT/'records.json').exists() else {}
    records[stage]=json.loads((WORK/'out'/stage/'training.json').read_text()); records['teacher']=json.loads((ROWS/'teacher.json').read_text()); (OUT/'records.json').write_text(json.dumps(records))
TEACH=['--teacher',str(WORK/'all-mpnet-base-v2'),'--teacher',str(WORK/'mini-embedder')]
rc=run([sys.executable,'-m','playground.training','score','--data',str(ROWS),*TEACH,'--made',os.environ.get('MADE','120000')], left()-150)
say('score rc',rc, 'left',left())
PY='''
import sys, time
from pathlib import Path
from dataclasses import replace
from playground.training import recipe, cross_encoder
import tomllib
stage, toml, data, out = sys.argv[1:5]
d=tomllib.loads(Path(toml).read_text())
s=[x for x in d['stage'] if x['name']==stage][0]
settings=recipe.settings_of(s, Path(data), Path(out))
if len(sys.argv)>5: settings=replace(settings, train=settings.train[:1], take=(2560,0)[:1]+(1280,), evaluate_every=10**6, out=Path(out)/'pilot', epochs=1, dev_rows=5)
cross_encoder.run(settings, lambda l: print(l, time.time(), flush=True))
'''
(WORK/'stage.py').write_text(PY)
(WORK/'out').mkdir(exist_ok=True)
if not (WORK/'out/release').exists(): shutil.copytree(WORK/'mini-reranker', WORK/'out/release')
toml=Path('playground/training/recipe.toml').read_text(); path=WORK/'recipe.toml'; path.write_text(toml)
import tomllib
d=tomllib.loads(toml)
e2={'PYTHONPATH':os.getcwd()+':'+os.environ.get('PYTHONPATH','')}
t=time.time(); lines=[]
p=subprocess.run([sys.executable,str(WORK/'stage.py'),'stage-1',str(path),str(ROWS),str(WORK/'out'),'pilot'],env=dict(env,**e2),capture_output=True,text=True,timeout=80)
say(p.stdout[-600:], p.stderr[-1500:])
import re
secs=re.findall(r'^step 50 .*? ([\d.]+)$',p.stdout,re.M); start=re.findall(r'rows .*? ([\d.]+)$',p.stdout,re.M)
per=(float(secs[0])-float(start[0])-4)/50 if secs and start else .05
say('pilot seconds a step',per)
bench=float(os.environ.get('BENCH','95')); room=left()-bench-45
rows=[min(a,b) for a,b in zip(d['stage'][0]['take'],(15814,1592,13029,10**9))]
n1=sum(rows)/64; n2=sum(d['stage'][1]['take'])/64
ep1=max(1,min(4,int(room*.72/per/n1))); ep2=max(1,min(3,int(room*.26/per/n2)))
take1=d['stage'][0]['take'][3]
if per*n1*ep1>room*.75: take1=max(20000,int(take1*room*.72/(per*n1)))
say('epochs',ep1,ep2,'take',take1,'room',room)
toml=toml.replace('150000]',f'{take1}]').replace('epochs = 2',f'epochs = {ep1}',1).replace('epochs = 2',f'epochs = {ep2}') if ep1!=2 else toml.replace('150000]',f'{take1}]')
if ep1==2 and ep2!=2:
    i=toml.index('stage-2'); toml=toml[:i]+toml[i:].replace('epochs = 2',f'epochs = {ep2}')
path.write_text(toml); (OUT/'recipe.toml').write_text(toml)
for stage in ('stage-1','stage-2'):
    if left()<30: break
    rc=run([sys.executable,str(WORK/'stage.py'),stage,str(path),str(ROWS),str(WORK/'out')], left()-20, e2); say(stage,'rc',rc,'left',left()); keep(stage)
if left()>30:
    rc=run([sys.executable,'-m','playground.training','judge','--data',str(ROWS),*sum([['--model',str(WORK/'out'/x)] for x in ('release','stage-1','stage-2') if (WORK/'out'/x/'model.safetensors').exists()],[]),'--base',str(WORK/'mini-embedder')], min(40,left()-15)); say('judge',rc,left())
if left()>25:
    maker.wait(timeout=max(1,left()-20)); say('maker', maker.returncode, (maker.stderr.read() or b'')[-500:])
    run([sys.executable,'-c','''
import torch
from playground.bench.peers import shape_of, model_of
from playground.models.loading import load_scorer
from playground.core.types import ModelChoice
for prec in ("fp16","bf16","fp32"):
    s=load_scorer(ModelChoice(str(model_of(shape_of("bge-reranker-base"))),device="cuda",precision=prec,max_length=512),run_checks=False)
    m=getattr(s,"model",None) or getattr(s,"_model",None)
    print(prec, type(getattr(m.base_model,"encoder",None)).__name__ if m is not None else dir(s)[:40])
'''], 40)
    run([sys.executable,'-m','playground.bench','gpu','--rounds','3','--json',str(OUT/'gpu.json')], left()-3)
say('done',left())
