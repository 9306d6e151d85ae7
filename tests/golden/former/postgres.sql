--
-- PostgreSQL database dump
--

-- Dumped from database version 16.2
-- Dumped by pg_dump version 16.2

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: muscall_former; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.muscall_former (
    id bigint NOT NULL,
    path text NOT NULL,
    start_s real NOT NULL,
    vector public.vector(8) NOT NULL
);
ALTER TABLE ONLY public.muscall_former ALTER COLUMN vector SET STORAGE PLAIN;


--
-- Name: TABLE muscall_former; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.muscall_former IS 'muscall 1: 34 rows of 8 by the model 2acab1b27798fac6';


--
-- Data for Name: muscall_former; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.muscall_former VALUES (0, 'demo/audio/000_0ad_Celtica.ogg', 0, '[0.17236306,-0.4774255,-0.28114936,-0.36779073,-0.3886244,-0.040503018,0.5947297,-0.14720058]');
INSERT INTO public.muscall_former VALUES (1, 'demo/audio/000_0ad_Celtica.ogg', 1, '[0.2093682,-0.49521038,-0.34906867,-0.29902828,-0.37371865,-0.068148516,0.5838772,-0.12017621]');
INSERT INTO public.muscall_former VALUES (2, 'demo/audio/000_0ad_Celtica.ogg', 2, '[0.27559036,-0.46172914,-0.37988442,-0.34125543,-0.30100572,0.038319882,0.59461784,-0.06667389]');
INSERT INTO public.muscall_former VALUES (3, 'demo/audio/000_0ad_Celtica.ogg', 3, '[0.21532147,-0.45956078,-0.36771715,-0.3058515,-0.40229017,-0.043976385,0.5702035,-0.15740451]');
INSERT INTO public.muscall_former VALUES (4, 'demo/audio/000_0ad_Celtica.ogg', 4, '[0.21585372,-0.50294024,-0.34726197,-0.30746618,-0.37729558,-0.052042913,0.57188755,-0.11496163]');
INSERT INTO public.muscall_former VALUES (5, 'demo/audio/000_0ad_Celtica.ogg', 5, '[0.2444229,-0.435852,-0.38796124,-0.34468415,-0.40576097,-0.023214921,0.5298528,-0.18720165]');
INSERT INTO public.muscall_former VALUES (6, 'demo/audio/000_0ad_Celtica.ogg', 6, '[0.20522018,-0.5112954,-0.33726642,-0.3091504,-0.3746821,-0.06638401,0.5746611,-0.11004618]');
INSERT INTO public.muscall_former VALUES (7, 'demo/audio/000_0ad_Celtica.ogg', 7, '[0.22827199,-0.47408882,-0.32521412,-0.28572184,-0.3976485,-0.03637987,0.6039118,-0.10757854]');
INSERT INTO public.muscall_former VALUES (8, 'demo/audio/000_0ad_Celtica.ogg', 8, '[0.3151582,-0.31059396,-0.3445715,-0.3611473,-0.4258256,0.07642749,0.5811866,-0.17350323]');
INSERT INTO public.muscall_former VALUES (9, 'demo/audio/000_0ad_Celtica.ogg', 9, '[0.22897553,-0.47336474,-0.34367794,-0.38401607,-0.361532,0.013618192,0.5609224,-0.11130283]');
INSERT INTO public.muscall_former VALUES (10, 'demo/audio/000_0ad_Celtica.ogg', 10, '[0.2612413,-0.44430095,-0.3759918,-0.33650216,-0.37686536,0.015238003,0.5638686,-0.13978088]');
INSERT INTO public.muscall_former VALUES (11, 'demo/audio/007_0ad_Taiko_1.ogg', 0, '[0.3319653,-0.36554173,-0.37394387,-0.28091154,-0.25947857,0.08858269,0.67768615,-0.054757185]');
INSERT INTO public.muscall_former VALUES (12, 'demo/audio/007_0ad_Taiko_1.ogg', 1, '[0.38248676,-0.30444717,-0.3392128,-0.32178125,-0.34533685,0.1258503,0.62944067,-0.10543193]');
INSERT INTO public.muscall_former VALUES (13, 'demo/audio/007_0ad_Taiko_1.ogg', 2, '[0.2708022,-0.43646586,-0.3931724,-0.37697023,-0.3112953,0.04533637,0.57351214,-0.10768605]');
INSERT INTO public.muscall_former VALUES (14, 'demo/audio/007_0ad_Taiko_1.ogg', 3, '[0.2635415,-0.44745898,-0.3549035,-0.37153715,-0.2963316,0.075981855,0.60645944,-0.0703662]');
INSERT INTO public.muscall_former VALUES (15, 'demo/audio/007_0ad_Taiko_1.ogg', 4, '[0.27651253,-0.43409458,-0.3725734,-0.34586138,-0.32237247,0.072161034,0.5980089,-0.09962871]');
INSERT INTO public.muscall_former VALUES (16, 'demo/audio/007_0ad_Taiko_1.ogg', 5, '[0.19897673,-0.5145741,-0.38091075,-0.29560965,-0.27353033,-0.04417206,0.61760205,-0.07029532]');
INSERT INTO public.muscall_former VALUES (17, 'demo/audio/007_0ad_Taiko_1.ogg', 6, '[0.26977763,-0.42902207,-0.39772543,-0.3588634,-0.32137933,0.054710843,0.5793805,-0.11929746]');
INSERT INTO public.muscall_former VALUES (18, 'demo/audio/007_0ad_Taiko_1.ogg', 7, '[0.34013847,-0.3505913,-0.37355605,-0.33772895,-0.25373286,0.13917753,0.6495941,-0.045423795]');
INSERT INTO public.muscall_former VALUES (19, 'demo/audio/007_0ad_Taiko_1.ogg', 8, '[0.354096,-0.33140713,-0.35730404,-0.25621682,-0.24875212,0.10215162,0.705077,-0.045009818]');
INSERT INTO public.muscall_former VALUES (20, 'demo/audio/007_0ad_Taiko_1.ogg', 9, '[0.27056977,-0.2909557,-0.3908877,-0.25706035,-0.3901945,0.085091464,0.6431969,-0.22376092]');
INSERT INTO public.muscall_former VALUES (21, 'demo/audio/007_0ad_Taiko_1.ogg', 10, '[0.21532796,-0.4368538,-0.4372215,-0.23269401,-0.19162598,-0.042858228,0.6885207,-0.069751255]');
INSERT INTO public.muscall_former VALUES (22, 'demo/audio/007_0ad_Taiko_1.ogg', 10.009625, '[0.28158414,-0.358537,-0.37852725,-0.28599644,-0.2598932,0.04144112,0.70039374,-0.08527299]');
INSERT INTO public.muscall_former VALUES (23, 'demo/audio/018_naev_void_sensor.ogg', 0, '[0.107784666,-0.56066257,-0.28662908,-0.26747406,-0.2962397,-0.1454922,0.6362987,-0.080866]');
INSERT INTO public.muscall_former VALUES (24, 'demo/audio/018_naev_void_sensor.ogg', 1, '[0.30397516,-0.3606862,-0.37283942,-0.2643854,-0.25375697,0.054596987,0.70545506,-0.05962782]');
INSERT INTO public.muscall_former VALUES (25, 'demo/audio/018_naev_void_sensor.ogg', 2, '[0.157392,-0.53804857,-0.36046457,-0.27195102,-0.21866228,-0.035276625,0.65397626,-0.071391046]');
INSERT INTO public.muscall_former VALUES (26, 'demo/audio/018_naev_void_sensor.ogg', 3, '[0.09768756,-0.5690087,-0.30339012,-0.19981784,-0.2721951,-0.13332193,0.6628591,-0.058876783]');
INSERT INTO public.muscall_former VALUES (27, 'demo/audio/018_naev_void_sensor.ogg', 4, '[0.14064464,-0.54258823,-0.32452115,-0.2645047,-0.25157726,-0.06893586,0.6619367,-0.065854944]');
INSERT INTO public.muscall_former VALUES (28, 'demo/audio/018_naev_void_sensor.ogg', 5, '[0.30860302,-0.38381302,-0.3770005,-0.27320758,-0.24550359,0.04819504,0.6902743,-0.0400817]');
INSERT INTO public.muscall_former VALUES (29, 'demo/audio/018_naev_void_sensor.ogg', 6, '[0.15279023,-0.5609941,-0.31777155,-0.2557131,-0.23206158,-0.08661327,0.6585266,-0.023688762]');
INSERT INTO public.muscall_former VALUES (30, 'demo/audio/018_naev_void_sensor.ogg', 7, '[0.12920815,-0.553149,-0.3359244,-0.22288573,-0.2582312,-0.08423347,0.6602187,-0.07170024]');
INSERT INTO public.muscall_former VALUES (31, 'demo/audio/018_naev_void_sensor.ogg', 8, '[0.13945326,-0.56118757,-0.32254583,-0.27794427,-0.23931505,-0.08617464,0.6466074,-0.039160855]');
INSERT INTO public.muscall_former VALUES (32, 'demo/audio/018_naev_void_sensor.ogg', 9, '[0.30207843,-0.37404785,-0.3820647,-0.24284835,-0.2696865,0.048336804,0.6957691,-0.06874833]');
INSERT INTO public.muscall_former VALUES (33, 'demo/audio/018_naev_void_sensor.ogg', 10, '[0.3154757,-0.37740934,-0.405504,-0.24771163,-0.21066703,0.08934103,0.6913562,-0.043668877]');


--
-- Name: muscall_former muscall_former_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.muscall_former
    ADD CONSTRAINT muscall_former_pkey PRIMARY KEY (id);


--
-- PostgreSQL database dump complete
--

